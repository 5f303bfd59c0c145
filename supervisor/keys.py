"""The keys of a JSON object in the configuration, and the sentence for those that are wrong."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from supervisor.checks import Check
from supervisor.strict_json import JsonObject


class ConfigurationError(Exception):
    """The configuration cannot be used; the text is the sentence for the user."""


def as_object(found: object, where: str, subject: str) -> JsonObject:
    """Return *found* if it is an object with no key twice; raise ConfigurationError."""
    if not isinstance(found, JsonObject):
        raise ConfigurationError(f"{subject} must be a JSON object")
    if found.twice:
        raise ConfigurationError(f"{where} {shown(found.twice[0])} stands there twice")
    return found


def check_keys(keys: JsonObject, checks: Mapping[str, Check], where: str) -> None:
    """Raise ConfigurationError for a key that is not in *checks*, or a value that fails its."""
    refuse_unknown(keys, checks, where)
    for key, value in keys.items():
        expected = checks[key](value)
        if expected is not None:
            raise ConfigurationError(f'{where} key "{key}" must be {expected}')


def require_keys(keys: JsonObject, required: Iterable[str], where: str) -> None:
    """Raise ConfigurationError for the first of *required* that is not there."""
    for key in required:
        if key not in keys:
            raise ConfigurationError(f'{where} key "{key}" is missing')


def refuse_unknown(keys: JsonObject, known: Iterable[str], where: str) -> None:
    """Raise ConfigurationError for the first key that is not *known*."""
    names = list(known)
    for key in keys:
        if key not in names:
            near = get_close_matches(key, names, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise ConfigurationError(f"{where} key {shown(key)} is not known{hint}")


def shown(key: str) -> str:
    """Return a key as a sentence may show it: printable, and not without end."""
    kept = "".join(character if character.isprintable() else "?" for character in key[:64])
    return f'"{kept}…"' if len(key) > len(kept) else f'"{kept}"'
