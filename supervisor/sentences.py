"""Why the system cannot start, or stops by itself; a sentence never has a credential's value."""

from pathlib import Path

from supervisor.settings import Configuration
from wire.control import Sealed


def credentials_sentence(sealed: Sealed, configuration: Configuration) -> str | None:
    """Return why the system cannot start, or None when every credential is there."""
    for variables, why in ((sealed.missing, "is not set"), (sealed.malformed, "is malformed")):
        for variable in variables:
            users = [n for n, one in configuration.servers().items() if one.variable == variable]
            shown = ", ".join(f'"{name}"' for name in users)
            return (
                f"environment variable {variable} {why}; connection {shown} needs it as "
                "username:password"
            )
    return None


def gave_up_sentence(name: str, *, log: Path | None) -> str:
    """Return why the system stops by itself, and where to read more."""
    where = "the log" if log is None else f"the log {log}"
    return f"{name} failed too often; everything is stopped, see {where}"
