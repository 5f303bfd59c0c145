"""What the tests of all kinds say to PostgreSQL, and what to MySQL and MariaDB."""

from dataclasses import dataclass
from typing import Final

from tests.harness.clients import Fields

GIVEN: Final[Fields] = {
    "nothing": None,
    "small": -7,
    "large": 9007199254740993,
    "fraction": 0.25,
    "yes": True,
    "text": 'it\'s "q" `b` \\ %s %% :small ü 𝄞 \n\t;--',
    "members": [1, None],
    "object": {"a": [1, "é"], "b": None},
}
"""A parameter of every kind that JSON has."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """One engine's spelling of each."""

    session: str = "select connection_id() as id"
    """Which session of the server has the statement."""
    every_parameter: str
    its_row: Fields
    writing_function: str
    """The definition of one that writes where it is called in a query."""
    no_such_table: str
    """As SQLSTATE."""
    twice_the_same_key: str
    ends_itself: str
    """A statement with which a session ends itself."""


POSTGRESQL: Final = Words(
    session="select pg_backend_pid() as id",
    every_parameter=(
        "select :nothing::text as nothing, :small::int as small, :large::bigint as large, "
        ":fraction::numeric as fraction, :yes::boolean as yes, :text::text as text, "
        ":members::int[] as members, :object::jsonb as object"
    ),
    its_row={**GIVEN, "large": "9007199254740993", "fraction": "0.25"},
    writing_function=(
        "create function {function}() returns int language sql as "
        "$$ insert into {table} (word) values ('never') returning 1 $$"
    ),
    no_such_table="42P01",
    twice_the_same_key="23505",
    ends_itself="select pg_terminate_backend(pg_backend_pid())",
)

MYSQL: Final = Words(
    every_parameter=(
        "select :nothing as nothing, :small as small, :large as large, :fraction as fraction, "
        ":yes as yes, :text as text, :members as members, :object as object"
    ),
    its_row={
        **GIVEN,
        "large": "9007199254740993",
        "fraction": "0.25",
        "yes": 1,
        "members": "[1,null]",
        "object": '{"a":[1,"é"],"b":null}',
    },
    writing_function=(
        "create function {function}() returns int modifies sql data begin "
        "insert into {table} (word) values ('never'); return 1; end"
    ),
    no_such_table="42S02",
    twice_the_same_key="23000",
    ends_itself="kill connection_id()",
)

WORDS: Final = {"postgresql": POSTGRESQL, "mysql": MYSQL}
