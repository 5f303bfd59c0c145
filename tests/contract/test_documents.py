"""Promises have tests, tests that are named exist, links lead somewhere, claims have ids."""

import re

import pytest

from tests.claims import CLAIMS
from tests.contract.markdown import ROOT, document, documents, is_a_test, links, references

CLAIM = re.compile(r"^- \*\*(C\d+)\*\* (.*?)(?=^- \*\*C|^#|\Z)", re.MULTILINE | re.DOTALL)
MENTION = re.compile(r"\b(C\d+)\b")
FOREIGN = re.compile(r"(?<![\w/.])/(?:home|root|work)/|\bissue #?\d+\b", re.IGNORECASE)

claims = pytest.mark.parametrize("claim", list(CLAIMS))
every_document = pytest.mark.parametrize("name", documents())


def promised() -> dict[str, list[str]]:
    """Return each claim of SECURITY.md with the tests that it names."""
    return {claim: references(text) for claim, text in CLAIM.findall(document("SECURITY.md"))}


def test_security_md_and_the_list_of_claims_have_the_same_ids() -> None:
    assert set(promised()) == set(CLAIMS)


def test_claims_are_numbered_without_a_gap() -> None:
    assert list(promised()) == [f"C{n}" for n in range(1, len(CLAIMS) + 1)]


@claims
def test_a_claim_names_the_tests_that_the_list_has(claim: str) -> None:
    assert tuple(promised()[claim]) == CLAIMS[claim]


@claims
def test_a_claim_is_held_by_tests_that_exist(claim: str) -> None:
    assert CLAIMS[claim]
    assert [test for test in CLAIMS[claim] if not is_a_test(test)] == []


@every_document
def test_every_test_that_a_document_names_exists(name: str) -> None:
    assert [test for test in references(document(name)) if not is_a_test(test)] == []


@every_document
def test_every_claim_that_a_document_mentions_is_one(name: str) -> None:
    assert set(MENTION.findall(document(name))) <= set(CLAIMS)


@every_document
def test_every_link_leads_to_a_file(name: str) -> None:
    here = (ROOT / name).parent

    broken = [link for link in links(document(name)) if not (here / link.split("#")[0]).exists()]

    assert broken == []


@every_document
def test_a_document_speaks_of_the_project_alone(name: str) -> None:
    assert FOREIGN.findall(document(name)) == []


def test_every_decision_is_in_the_index_under_its_own_title() -> None:
    index = document("docs/adr/README.md")
    decisions = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))

    for decision in decisions:
        number, title = decision.read_text(encoding="utf-8").splitlines()[0][2:].split(". ", 1)
        assert decision.name.startswith(f"{number}-"), title
        assert f"[{number}]({decision.name})" in index, title
    assert len(decisions) == len(re.findall(r"^\| \[\d{4}\]", index, re.MULTILINE))
