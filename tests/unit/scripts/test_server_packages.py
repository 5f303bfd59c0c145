"""Fetching servers for the tests, with an apt-get and a dpkg-deb of our own in the path."""

import shutil
from pathlib import Path
from typing import Final

import pytest

from scripts import server_packages
from scripts.server_packages import SERVERS, FetchError, ServerPackages, fetch

A_SERVER: Final = ServerPackages(
    sources=("http://archive.test/debian sid main",), packages=("some-server",), alone=("extra",)
)
WITH_LIBC: Final = ServerPackages(sources=(), packages=("some-server",), brings_libc=True)

# It says what it would install, and "downloads" files with the names that it was given.
APT_GET: Final = """\
#!/bin/sh
echo "$@" >> {calls}
case "$*" in
  *--simulate*) printf 'Inst %s (1.0)\\n' some-server libneeded libc6 perl-base debconf ;;
  *download*) while [ "$1" != download ]; do shift; done; shift; touch $(printf '%s.deb ' "$@") ;;
esac
"""
DPKG_DEB: Final = """\
#!/bin/sh
mkdir -p "$3/usr" && touch "$3/usr/$(basename "$2")"
"""
BROKEN: Final = "#!/bin/sh\necho 'E: no such place' >&2\nexit 100\n"


class Tools:
    """The two programs, in a directory that is all of the path but /bin."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.calls = directory / "calls"
        self.write("apt-get", APT_GET.format(calls=self.calls))
        self.write("dpkg-deb", DPKG_DEB)

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)
        (self.directory / name).chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("sh", "touch", "mkdir", "basename"):
        found = shutil.which(name)
        assert found is not None
        (directory / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(directory))
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(server_packages, "KEYRING", keyring)
    return Tools(directory)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        pytest.param(
            A_SERVER, {"some-server.deb", "libneeded.deb", "extra.deb"}, id="the system's libc"
        ),
        pytest.param(
            WITH_LIBC, {"some-server.deb", "libneeded.deb", "libc6.deb"}, id="a libc of its own"
        ),
    ],
)
def test_a_server_is_unpacked_with_what_it_needs_to_run_and_nothing_else_is_left(
    tmp_path: Path, tools: Tools, server: ServerPackages, expected: set[str]
) -> None:
    cache = tmp_path / "cache"

    fetch(server, into=cache / "some")

    assert {one.name for one in (cache / "some" / "usr").iterdir()} == expected
    assert [one.name for one in cache.iterdir()] == ["some"]
    assert " update" in tools.calls.read_text()


def test_apt_is_never_told_to_install_anything(tmp_path: Path, tools: Tools) -> None:
    fetch(A_SERVER, into=tmp_path / "cache" / "some")

    calls = tools.calls.read_text().splitlines()

    assert len(calls) == 3
    assert all("-c " in call for call in calls)
    assert [call for call in calls if " install " in call and "--simulate" not in call] == []


def test_a_failure_is_told_by_its_last_words_and_leaves_nothing(
    tmp_path: Path, tools: Tools
) -> None:
    tools.write("apt-get", BROKEN)
    cache = tmp_path / "cache"

    with pytest.raises(FetchError, match="apt-get failed: E: no such place"):
        fetch(A_SERVER, into=cache / "some")

    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("program", ["apt-get", "dpkg-deb"])
def test_a_system_without_debians_programs_is_told_so(
    tmp_path: Path, tools: Tools, program: str
) -> None:
    (tools.directory / program).unlink()

    with pytest.raises(FetchError, match=f"has no {program}"):
        fetch(A_SERVER, into=tmp_path / "some")


def test_without_debians_keys_nothing_is_fetched(tmp_path: Path, tools: Tools) -> None:
    server_packages.KEYRING.unlink()

    with pytest.raises(FetchError, match="debian-archive-keyring"):
        fetch(A_SERVER, into=tmp_path / "some")

    assert not tools.calls.exists()


def test_every_server_names_the_packages_that_hold_it() -> None:
    assert set(SERVERS) == {"postgresql-15", "mariadb-10.11", "pgbouncer", "mysql-9"}
    assert all(one.packages and one.sources for one in SERVERS.values())
