"""Ask a session what its server's types are.

A domain stands for its base, and so does what an array holds. The session may have any search_path
of a client's, hence every name with its schema.
"""

from collections.abc import Iterable
from typing import Final

from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from executor.postgresql.pipeline import Command, Pipeline
from executor.postgresql.server_types import KnownTypes, ServerType

_LOOKUP: Final = b"""
WITH RECURSIVE step (asked, oid, is_element) AS (
    SELECT a.oid, a.oid, false FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS a (oid)
  UNION ALL
    SELECT s.asked,
           CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'd' THEN t.typbasetype ELSE t.typelem END,
           s.is_element OR t.typtype OPERATOR(pg_catalog.<>) 'd'
      FROM step s JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) s.oid
     WHERE t.typtype OPERATOR(pg_catalog.=) 'd'
        OR t.typcategory OPERATOR(pg_catalog.=) 'A' AND t.typelem OPERATOR(pg_catalog.<>) '0'
           AND NOT s.is_element
)
SELECT s.asked, pg_catalog.format_type(s.asked, NULL), t.typdelim, s.oid, s.is_element
  FROM step s JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) s.oid
 WHERE t.typtype OPERATOR(pg_catalog.<>) 'd'
   AND (s.is_element OR t.typcategory OPERATOR(pg_catalog.<>) 'A'
        OR t.typelem OPERATOR(pg_catalog.=) '0')
"""
_BEGIN: Final = Command(b"BEGIN READ ONLY")
_ROLLBACK: Final = Command(b"ROLLBACK")


def look_up(pipeline: Pipeline, oids: Iterable[int], known: KnownTypes) -> None:
    """Put these types with what is known, in the transaction under way.

    What the server does not say stays unknown. Raises LostError.
    """
    _take([_question(oids)], pipeline, known)


def look_up_afterwards(pipeline: Pipeline, oids: Iterable[int], known: KnownTypes) -> None:
    """Do the same in a transaction of its own, whatever is left of another."""
    _take([_ROLLBACK, _BEGIN, _question(oids), _ROLLBACK], pipeline, known)


def _question(oids: Iterable[int]) -> Command:
    return Command(_LOOKUP, [b"{%b}" % b",".join(b"%d" % oid for oid in oids)])


def _take(commands: list[Command], pipeline: Pipeline, known: KnownTypes) -> None:
    pipeline.send(commands)
    for _ in commands:
        for result in pipeline.results():
            if result.status == ExecStatus.TUPLES_OK:
                _learn(result, known)
    pipeline.end_group()


def _learn(result: PGresult, known: KnownTypes) -> None:
    for row in range(result.ntuples):
        asked, name, delimiter, oid, is_element = (
            (result.get_value(row, column) or b"").decode() for column in range(5)
        )
        element = int(oid) if is_element == "t" else 0
        known.learn(int(asked), ServerType(name, element, delimiter))
