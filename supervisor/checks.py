"""What one value of the configuration may be; each check answers None or what was expected."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Final, TypeAlias

Check: TypeAlias = Callable[[object], str | None]
"""Return None for a good value, else what it must be, to end a sentence with."""

HOST_MAX_CHARACTERS: Final = 253  # RFC 1035, section 3.1
PATH_MAX_CHARACTERS: Final = 1024
SOCKET_PATH_MAX_BYTES: Final = 92
"""Of 107 that the kernel takes; PostgreSQL's longest file name below it is /.s.PGSQL.65535."""

VARIABLE_MAX_CHARACTERS: Final = 256

_IN_NO_HOST: Final = frozenset(" /\\@,")
_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_TAKEN: Final = frozenset(
    [
        "DISPLAY",
        "EDITOR",
        "HOME",
        "HOSTNAME",
        "IFS",
        "LANG",
        "LANGUAGE",
        "LOGNAME",
        "MAIL",
        "OLDPWD",
        "PATH",
        "PWD",
        "SHELL",
        "SHLVL",
        "TERM",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
        "_",
    ]
)
_TAKEN_FAMILIES: Final = ("LC_", "LD_", "PYTHON", "SSH_", "STRONGROOM_", "XDG_")
"""What shells and programs rely on; a credential in one of these is a mistake."""


def text(most: int) -> Check:
    """Text of 1 to *most* characters that a line can show."""

    def check(value: object) -> str | None:
        good = isinstance(value, str) and 1 <= len(value) <= most and value.isprintable()
        return None if good else f"text of 1 to {most} printable characters"

    return check


def choice(*words: str, hints: Mapping[str, str] | None = None) -> Check:
    """One of *words*; *hints* are what to add for others that people write, in lower case."""
    shown = " or ".join(f'"{word}"' for word in words)
    meant = {_plain(word): f'; did you mean "{word}"?' for word in words}
    meant |= {_plain(word): hint for word, hint in (hints or {}).items()}

    def check(value: object) -> str | None:
        if not isinstance(value, str):
            return shown
        return None if value in words else shown + meant.get(_plain(value), "")

    return check


def whole_number(least: int, most: int) -> Check:
    """Take a whole number from *least* to *most*; true and false are not numbers."""

    def check(value: object) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if good else f"a whole number from {least} to {most}"

    return check


def host_name() -> Check:
    """Take a host name or an IP address; a directory of Unix sockets is not one."""

    def check(value: object) -> str | None:
        if isinstance(value, str) and _is_host(value):
            return None
        return f"a host name or an IP address{_apart(value)}"

    return check


def host_or_socket() -> Check:
    """Take what `host_name` does, or an absolute path."""
    plain = host_name()

    def check(value: object) -> str | None:
        if isinstance(value, str) and value.startswith("/"):
            good = value.isprintable() and len(value.encode()) <= SOCKET_PATH_MAX_BYTES
        else:
            good = plain(value) is None
        expected = "a host name, an IP address, or the absolute path of a Unix socket"
        of_length = f"{expected}, of at most {SOCKET_PATH_MAX_BYTES} bytes"
        return None if good else f"{of_length}{_apart(value)}"

    return check


def variable_name() -> Check:
    """Take the name of an environment variable, as POSIX has it (XBD 8.1, 3.216).

    Later sentences quote it, so nothing else may pass, above all not `user:password` itself.
    """

    def check(value: object) -> str | None:
        if (
            not isinstance(value, str)
            or len(value) > VARIABLE_MAX_CHARACTERS
            or not _NAME.fullmatch(value)
        ):
            return (
                "the name of an environment variable, of letters A to Z, digits and _, not the "
                "credential itself"
            )
        if value in _TAKEN or value.startswith(_TAKEN_FAMILIES):
            return "a variable of its own, not one that programs rely on, such as PATH or HOME"
        return None

    return check


def _plain(word: str) -> str:
    """Return what is left of a word if case and the kind of dash are no matter."""
    return word.strip().casefold().replace("_", "-")


def _is_host(value: str) -> bool:
    return (
        1 <= len(value) <= HOST_MAX_CHARACTERS
        and value.isprintable()
        and not _IN_NO_HOST & set(value)
        and (not set(value) & set(":[]") or _is_address(value))
    )


def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _apart(value: object) -> str:
    """Return what to add about a host that seems to have a port with it."""
    if not isinstance(value, str) or ":" not in value or _IN_NO_HOST & set(value):
        return ""
    return '; put the port into "port", and write an IPv6 address without brackets'
