"""The sentence for credentials that did not come as they must; it never has a value."""

from supervisor.settings import Configuration
from wire.control import Sealed


def credentials_sentence(sealed: Sealed, configuration: Configuration) -> str | None:
    """Return why the system cannot start, or None when every credential is there."""
    for variables, why in ((sealed.missing, "is not set"), (sealed.malformed, "is malformed")):
        for variable in variables:
            users = [n for n, one in configuration.connections.items() if one.variable == variable]
            shown = ", ".join(f'"{name}"' for name in users)
            return (
                f"environment variable {variable} {why}; connection {shown} needs it as "
                "username:password"
            )
    return None
