"""Unpack the database servers that the tests need and this machine does not have.

They are Debian's packages, fetched by an apt-get with lists of its own, which checks their
signatures, and unpacked into a directory of ours. Nothing is installed: the system's packages stay
as they are, no service is started, and no root is needed. Whatever cannot be had is said in one
sentence; the tests that need it are skipped. Standard library only.

    python3 scripts/server_packages.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

ARCHIVE: Final = "http://deb.debian.org"
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BOOKWORM: Final = (
    f"{ARCHIVE}/debian bookworm main",
    f"{ARCHIVE}/debian-security bookworm-security main",
)
SID: Final = (f"{ARCHIVE}/debian sid main",)

FETCH_S: Final = 600
SHOWN_LINES: Final = 3

# Dependencies that no server needs to run: what sets a package up, and PostgreSQL's compiler.
NOT_NEEDED: Final = (
    *("adduser", "debconf", "dpkg", "init-system-helpers", "libdebconf", "libllvm", "libperl"),
    *("libsemanage", "libz3", "locales", "lsb-base", "passwd", "perl", "postgresql-client"),
    *("postgresql-common", "sensible-utils", "ssl-cert", "sysvinit", "tar", "tzdata", "ucf"),
)


class FetchError(Exception):
    """A server cannot be had; the text is the sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPackages:
    """One server, by the packages that hold it."""

    sources: tuple[str, ...]
    """Lines of a sources.list, without what comes first."""
    packages: tuple[str, ...]
    """Unpacked with what they depend on."""
    alone: tuple[str, ...] = ()
    """Unpacked without that."""
    brings_libc: bool = False
    """Whether it is too new for this machine's C library, and runs by a loader of its own."""
    installed: tuple[str, ...] = ()
    """The files that the system has where nothing needs to be unpacked; none if it never does."""


SERVERS: Final = MappingProxyType(
    {
        "postgresql-15": ServerPackages(
            sources=BOOKWORM,
            packages=("postgresql-15",),
            installed=("usr/lib/postgresql/15/bin/postgres", "usr/lib/postgresql/15/bin/initdb"),
        ),
        "mariadb-10.11": ServerPackages(
            sources=BOOKWORM,
            packages=("mariadb-server-core",),
            alone=("mariadb-server",),
            installed=("usr/sbin/mariadbd", "usr/lib/mysql/plugin/auth_ed25519.so"),
        ),
        "pgbouncer": ServerPackages(
            sources=BOOKWORM, packages=("pgbouncer",), installed=("usr/sbin/pgbouncer",)
        ),
        "mysql-9": ServerPackages(sources=SID, packages=("mysql-server-core",), brings_libc=True),
    }
)


def root_of(name: str) -> Path | None:
    """Return the directory under which the server's `usr` is, or None when it is nowhere."""
    installed = SERVERS[name].installed
    if installed and all((Path("/") / file).exists() for file in installed):
        return Path("/")
    unpacked = _cache() / name
    return unpacked if unpacked.exists() else None


def fetch(server: ServerPackages, *, into: Path) -> None:
    """Unpack a server as the directory *into*; raise FetchError when that does not work."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise FetchError(f"this system has no {program}")
    if not KEYRING.exists():
        raise FetchError(f"{KEYRING} is missing (package debian-archive-keyring)")
    cache = into.parent
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    if cache.stat().st_uid != os.geteuid():
        raise FetchError(f"{cache} belongs to someone else")
    with tempfile.TemporaryDirectory(dir=cache, prefix=f"{into.name}-") as scratch:
        apt = _private_apt(Path(scratch), server.sources)
        archives = apt.download([*apt.closure(server), *server.alone])
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir(mode=0o755)
        for archive in archives:
            _run(["dpkg-deb", "--extract", str(archive), str(unpacked)], cwd=unpacked)
        # Of two at once, one is first.
        if not into.exists():
            unpacked.rename(into)


def _cache() -> Path:
    # Root runs the servers as another user, who may be shut out of the checkout.
    checkout = Path(__file__).resolve().parent.parent
    if os.geteuid() == 0 and not all(
        one.stat().st_mode & 0o001 for one in (checkout, *checkout.parents)
    ):
        return Path("/var/tmp/strongroom-servers")  # noqa: S108 - its owner is checked
    return checkout / ".cache" / "servers"


@dataclass(frozen=True, slots=True)
class _Apt:
    """An apt-get that knows nothing of this system."""

    directory: Path

    def closure(self, server: ServerPackages) -> list[str]:
        """Return the packages of *server* and all that they need to run."""
        plan = self._get("--simulate", "--no-install-recommends", "install", *server.packages)
        names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
        unneeded = NOT_NEEDED if server.brings_libc else (*NOT_NEEDED, "libc6", "libgcc-s1")
        return [one for one in names if not one.startswith(unneeded)]

    def download(self, names: list[str]) -> list[Path]:
        """Fetch these packages, and return where they are."""
        self._get("download", *names)
        return sorted(self.directory.glob("*.deb"))

    def update(self) -> None:
        """Fetch the lists of packages."""
        self._get("--error-on=any", "update")

    def _get(self, *arguments: str) -> str:
        configuration = str(self.directory / "apt.conf")
        return _run(["apt-get", "-qq", "-c", configuration, *arguments], cwd=self.directory)


def _private_apt(scratch: Path, sources: tuple[str, ...]) -> _Apt:
    directory = scratch / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (directory / part).mkdir(parents=True)
    (directory / "status").touch()
    lines = [f"deb [signed-by={KEYRING}] {source}\n" for source in sources]
    (directory / "sources.list").write_text("".join(lines))
    (directory / "apt.conf").write_text(
        f"""
Dir::State::lists "{directory}/lists";
Dir::State::status "{directory}/status";
Dir::Etc::sourcelist "{directory}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Cache "{directory}/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "15";
"""
    )
    apt = _Apt(directory)
    apt.update()
    return apt


def _run(command: list[str], *, cwd: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the commands are the ones above
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCH_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{command[0]} took longer than {FETCH_S} s") from None
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-SHOWN_LINES:]
        raise FetchError(f"{command[0]} failed: {' '.join(last)}")
    return done.stdout


def main() -> int:
    """Fetch whatever is missing; return 0 even when something could not be had."""
    for name in SERVERS:
        if root_of(name) is not None:
            continue
        sys.stderr.write(f"servers: fetching {name} for the tests\n")
        try:
            fetch(SERVERS[name], into=_cache() / name)
        except (FetchError, OSError) as error:
            sys.stderr.write(f"servers: no {name}, and its tests are skipped: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
