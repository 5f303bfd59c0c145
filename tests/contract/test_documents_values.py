"""docs/values.md has a row for each case of the values' test, and its examples are JSON."""

import json

import pytest

from tests.contract.markdown import document, table
from tests.harness.mysql_values import CASES as MYSQL_CASES
from tests.harness.values import CASES, documented_examples

ROWS = table(document("docs/values.md"), "type", "travels as", "for instance", "its JSON")


def test_every_type_of_the_document_is_tested_and_no_other() -> None:
    assert [row[0].replace("`", "") for row in ROWS] == list(CASES)


def test_every_type_of_mysql_is_tested_and_no_other() -> None:
    rows = table(
        document("docs/values.md"), "MySQL's type", "travels as", "for instance", "its JSON"
    )

    assert [row[0].replace("`", "") for row in rows] == list(MYSQL_CASES)


@pytest.mark.parametrize(
    ("heading", "count"), [("Out", len(CASES)), ("MySQL and MariaDB", len(MYSQL_CASES))]
)
def test_every_row_has_an_example_that_is_json(heading: str, count: int) -> None:
    examples = documented_examples(heading)

    assert len(examples) == count
    for text in examples.values():
        json.loads(text)


def test_every_kind_of_json_has_a_row_on_its_way_in() -> None:
    rows = table(document("docs/values.md"), "JSON", "goes in as")

    words = " ".join(row[0].replace("`", "") for row in rows)

    assert words == "null a number true, false a string an object an array"
