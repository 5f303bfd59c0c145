"""Turn `:name` into the engine's own placeholder, and JSON values into what PostgreSQL reads; pure.

MySQL's drivers have no placeholders that the server knows: there a statement is taken apart, and
whoever runs it writes a literal between each two pieces.

A colon and a name is a parameter outside literals, quoted names, comments and `::` casts.
PostgreSQL has two colons of its own, and they stay what they are:

- `x[1:n]`, the slice of an array: inside a subscript, a colon after a bound is the slice's. With
  nothing before it, as in `x[:n]`, it is a parameter; write `x[:(n)]` for the slice up to column n,
  and `x[(:a):(:b)]` for one between parameters.
- `JSON_OBJECT('key':value)`: after a literal, a number, a quoted name or a closing bracket no
  parameter can follow. Write `JSON_OBJECT(key: value)`, with a space, when the key is a bare word.

To PostgreSQL, values go as text of unknown type, so the server infers each type from its place, and
numbers keep every digit. Only of an array the form depends on that type
(`executor/postgresql/arrays.py`).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw

from executor.dialects import Dialect
from executor.lexer import Kind, Token
from wire.faults import Fault, FaultCode, RefusedError
from wire.names import PARAMETERS_MAX

# Nothing that a literal begins or ends with makes another token of one of these. A space is put in
# front of a literal but for these: after `--` it would begin a comment.
_APART: Final = tuple(" \t\r\n\f\v()=,;<>+-*/%")
_OPERANDS: Final = frozenset({Kind.OPERAND, Kind.PARAMETER, Kind.POSITIONAL, Kind.CLOSING})


class JsonArray(NamedTuple):
    """A JSON array, whose form depends on the type that the server infers."""

    json: bytes


Value: TypeAlias = bytes | JsonArray | None


class Replaced(NamedTuple):
    """One `:name` that became `$1`: where each of them ends, in characters."""

    end: int
    end_bound: int


class Bound(NamedTuple):
    """A statement as the server gets it."""

    sql: str
    names: tuple[str, ...] = ()
    """The parameter behind the first placeholder, behind the second, and so on."""
    replaced: tuple[Replaced, ...] = ()
    has_positional: bool = False
    """Whether the client wrote a `$1` of its own."""
    pieces: tuple[str, ...] = ()
    """What stands around the values where the engine has no placeholders: one more than `names`.

    A name that comes twice is there twice, and *sql* is what the client wrote. No literal runs into
    what stands beside it.
    """

    def position(self, bound_position: int) -> int:
        """Return where the client wrote what the server found at *bound_position*; both from 1."""
        shift = 0
        for end, end_bound in self.replaced:
            if bound_position <= end_bound:
                break
            shift = end - end_bound
        return bound_position + shift


def bind(statement: str, dialect: Dialect) -> Bound:
    """Return *statement* with a placeholder for each `:name`.

    Raises RefusedError if it has too many, or some of the engine's own that would have no value.
    """
    if not dialect.placeholder:
        return _in_pieces(statement, dialect)
    if not dialect.may_have_parameters(statement):
        return Bound(statement)
    found = _parameters(statement, dialect)
    if found.has_positional and not dialect.has_own_parameters:
        raise unfit("Write every parameter as :name; no other kind has a value here")
    numbers: dict[str, int] = {}
    parts: list[str] = []
    replaced: list[Replaced] = []
    copied = length = 0
    for token in found.named:
        number = numbers.setdefault(statement[token.start + 1 : token.end], len(numbers) + 1)
        part = f"{statement[copied : token.start]}{dialect.placeholder}{number}"
        parts.append(part)
        copied, length = token.end, length + len(part)
        replaced.append(Replaced(copied, length))
    parts.append(statement[copied:])
    return Bound("".join(parts), tuple(numbers), tuple(replaced), found.has_positional)


def _in_pieces(statement: str, dialect: Dialect) -> Bound:
    has_some = dialect.may_have_parameters(statement)
    named = _parameters(statement, dialect).named if has_some else []
    names = tuple(statement[token.start + 1 : token.end] for token in named)
    starts = [0, *(token.end for token in named)]
    ends = [*(token.start for token in named), len(statement)]
    pieces = [statement[start:end] for start, end in zip(starts, ends, strict=True)]
    for index in range(len(names)):
        if not pieces[index].endswith(_APART):
            pieces[index] += " "
        after = pieces[index + 1]
        # An empty piece in the middle gets its space as the one before the next literal.
        if after and not after.startswith(_APART):
            pieces[index + 1] = f" {after}"
    return Bound(statement, names, pieces=tuple(pieces))


def fitting(bound: Bound, given: Mapping[str, Raw]) -> list[bytes]:
    """Return the JSON of each parameter's value; raise RefusedError naming one that does not fit.

    Of a name that comes twice in one object the last value counts, as with most JSON readers.
    """
    missing = [name for name in bound.names if name not in given]
    if missing:
        raise unfit(f"The statement has :{missing[0]}, but params has no such name")
    superfluous = given.keys() - set(bound.names)
    if superfluous:
        raise unfit(f"params has {min(superfluous)}, but the statement has no such name")
    if len(bound.names) > PARAMETERS_MAX:
        raise unfit(f"A statement takes at most {PARAMETERS_MAX} parameters")
    if bound.names and bound.has_positional:
        raise unfit("Write every parameter as :name; $1 cannot stand beside them")
    return [bytes(given[name]) for name in bound.names]


def values(bound: Bound, given: Mapping[str, Raw]) -> list[Value]:
    """Return each parameter's value as PostgreSQL reads it; raise what `fitting` and `text` do."""
    return [_value(name, raw) for name, raw in zip(bound.names, fitting(bound, given), strict=True)]


def text(name: str, raw: bytes) -> str:
    """Return the text in *raw*, a JSON string; raise RefusedError naming the parameter."""
    try:
        found = msgspec.json.decode(raw, type=str)
        found.encode()
    except (msgspec.DecodeError, UnicodeError):
        raise unfit(f"The value of :{name} is not Unicode text") from None
    if "\0" in found:
        raise unfit(f"The value of :{name} has a NUL character, which text cannot hold")
    return found


def unfit(sentence: str) -> RefusedError:
    """Return the error to raise where statement and parameters do not fit as *sentence* tells."""
    return RefusedError(Fault(code=FaultCode.INVALID_ARGUMENTS, message=sentence))


class _Found(NamedTuple):
    named: list[Token]
    has_positional: bool


def _parameters(statement: str, dialect: Dialect) -> _Found:
    # Each open bracket: True for the square one of a subscript, whose colons are the slice's.
    brackets: list[bool] = []
    named: list[Token] = []
    has_positional = False
    before: Token | None = None
    for token in dialect.tokens(statement):
        if token.kind is Kind.PARAMETER:
            if not (dialect.has_own_colons and _is_own_colon(before, brackets)):
                named.append(token)
        elif token.kind is Kind.POSITIONAL:
            has_positional = True
        elif token.kind is Kind.OPENING:
            is_subscript = statement[token.start] == "[" and _follows_operand(statement, before)
            # Of several, only the first one can stand behind what it is the subscript of.
            brackets += [is_subscript, *[False] * (token.end - token.start - 1)]
        elif token.kind is Kind.CLOSING:
            del brackets[max(0, len(brackets) - (token.end - token.start)) :]
        before = token
    return _Found(named, has_positional)


def _is_own_colon(before: Token | None, brackets: list[bool]) -> bool:
    if before is None:
        return False
    if before.kind is Kind.WORD:
        return bool(brackets) and brackets[-1]
    return before.kind in _OPERANDS


def _follows_operand(statement: str, before: Token | None) -> bool:
    if before is None:
        return False
    if before.kind is Kind.WORD:
        return statement[before.start : before.end].upper() != "ARRAY"
    return before.kind in _OPERANDS


def _value(name: str, raw: bytes) -> Value:
    if raw == b"null":
        return None
    if raw.startswith(b'"'):
        return text(name, raw).encode()
    # Else true, false, a number, or an object for a json column: JSON's own text.
    return JsonArray(raw) if raw.startswith(b"[") else raw
