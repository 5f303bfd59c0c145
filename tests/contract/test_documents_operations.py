"""What docs/operations.md says of events, options, settings, faults and exit codes is what is."""

import argparse
import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from console.commandline import COMMANDS, Command
from console.failures import EXIT_FAILED
from console.scan.report import Hit, Part, Place, Report, Unscanned, Verdict
from console.scan.text import as_json
from scripts.launch import USAGE
from supervisor import connections, options, settings
from supervisor.strict_json import parse_json
from tests.contract.markdown import ROOT, document, table, ticked
from vault.jobs import BUSY, DIED, DISMISSED, LATE, PAUSED, UNREACHABLE
from vault.login.refusals import Stage
from wire.exits import EXIT_CANNOT_START

OPERATIONS = "docs/operations.md"
PACKAGES = ("broker", "console", "executor", "supervisor", "vault", "wire")
LEVELS = frozenset({"info", "warning", "error", "critical"})
OPTION = re.compile(r"--[a-z][a-z-]+")
DEFAULTS = {
    "port": "5432; for `mysql` 3306",
    "access": '`"read-write"`',
    "sslmode": '`"verify-full"`; on this machine `"disable"`',
    "sslrootcert": '`"system"`',
    "sslcert": "absent",
    "sslkey": "absent",
    "sslnegotiation": '`"postgres"`',
    "channel_binding": '`"prefer"`',
    "auth": '`"scram-sha-256"`; for `mysql` `"caching_sha2_password"`',
    "server_public_key": "absent",
}

HIT = Hit(Place.MEMORY, 1, "executor", "", "raw", 0, 1, whole=True, context="")

every_command = pytest.mark.parametrize("command", sorted(COMMANDS))


def events(path: Path) -> Iterator[str]:
    """Yield the names of the events that a module logs, also by way of `said = log.info`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aliases = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(map(is_log_method, ast.walk(node.value)))
        for target in node.targets
        if isinstance(target, ast.Name) and not isinstance(node.value, ast.Call)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        aliased = isinstance(node.func, ast.Name) and node.func.id in aliases
        if not (aliased or is_log_method(node.func)):
            continue
        event = node.args[0]
        if isinstance(event, ast.Constant) and isinstance(event.value, str):
            yield event.value


def is_log_method(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr not in LEVELS:
        return False
    return ast.unparse(node.value).endswith("log")


def test_every_log_event_is_documented_and_no_other() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    rows = table(document(OPERATIONS), "event", "by", "meaning, and what to do")

    logged = {event for module in modules for event in events(module)}

    assert len(logged) > 20
    assert {event for row in rows for event in ticked(row[0])} == logged
    assert len(rows) == len(logged)


def parser_of(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=command)
    module: Command = importlib.import_module(f"console.commands.{command}")
    module.add_arguments(parser)
    return parser


def shown_options(parser: argparse.ArgumentParser) -> set[str]:
    return set(OPTION.findall(parser.format_help())) - {"--help"}


def synopsis(command: str) -> str:
    """Return the lines of docs/operations.md that show how a command is called."""
    block = document(OPERATIONS).split("```text\n", 1)[1].split("```", 1)[0]
    (found,) = re.findall(rf"^strongroom {command} .*\n(?: .*\n)*", block, re.MULTILINE)
    return str(found)


@every_command
def test_the_synopsis_of_a_command_has_exactly_its_options(command: str) -> None:
    assert set(OPTION.findall(synopsis(command))) == shown_options(parser_of(command))


def test_launch_takes_the_options_of_up() -> None:
    assert set(OPTION.findall(USAGE)) == shown_options(parser_of("up")) | {"--config"}


@pytest.mark.parametrize("name", ["README.md", OPERATIONS, "SECURITY.md", "CONTRIBUTING.md"])
def test_a_document_mentions_only_commands_that_exist(name: str) -> None:
    mentioned = re.findall(r"(?:bin/|`|^)strongroom ([a-z-]+)", document(name), re.MULTILINE)

    assert set(mentioned) <= set(COMMANDS)


def test_every_command_and_every_option_in_the_readme_exists() -> None:
    known = {option for command in COMMANDS for option in shown_options(parser_of(command))}

    assert set(OPTION.findall(document("README.md"))) <= known


def test_every_key_of_a_connection_is_documented_with_its_default() -> None:
    rows = table(document(OPERATIONS), "key", "type", "default", "meaning")
    rows = [row for row in rows if ticked(row[0])[0] not in settings.LIMITS]

    assert {ticked(row[0])[0] for row in rows} == set(connections.CONNECTION)
    for key, _, default, _ in rows:
        name = ticked(key)[0]
        assert default == ("required" if name in connections.REQUIRED else DEFAULTS[name])


def test_every_key_beside_the_connections_is_documented() -> None:
    rows = table(document(OPERATIONS), "key", "value", "default", "meaning")

    assert {"connections", *(ticked(row[0])[0] for row in rows)} == set(settings.KEYS)


def test_every_limit_is_documented_with_its_default() -> None:
    text = document(OPERATIONS).split("Under `limits`", 1)[1]
    rows = table(text, "key", "type", "default", "meaning")
    limits = settings.Limits()

    documented = {ticked(row[0])[0]: int(row[2]) for row in rows}

    assert documented == {
        key: getattr(limits, field) for key, field in settings.LIMIT_FIELDS.items()
    }


def test_the_ranges_of_the_limits_are_the_documented_ones() -> None:
    text = document(OPERATIONS).split("Under `limits`", 1)[1]

    for row in table(text, "key", "type", "default", "meaning"):
        least, most = map(int, re.findall(r"\d+", row[1]))
        check = settings.LIMITS[ticked(row[0])[0]]
        assert (check(least), check(most)) == (None, None), row
        assert check(least - 1) is not None, row
        assert check(most + 1) is not None, row


def test_the_readmes_configurations_load(tmp_path: Path) -> None:
    blocks = [part.split("```", 1)[0] for part in document("README.md").split("```json\n")[1:]]
    trustme.CA().cert_pem.write_to_path(tmp_path / "company-root.pem")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "books.db").touch()

    found = [
        settings.check_configuration(parse_json(block.encode()), path=tmp_path / "c.json")
        for block in blocks
        if '"connections"' in block
    ]

    engines = [[one.engine for one in each.connections.values()] for each in found]
    assert engines == [["postgresql"], ["postgresql", "mysql"], ["sqlite"]]


def test_the_configuration_of_the_operations_page_loads(tmp_path: Path) -> None:
    block = document(OPERATIONS).split("```json\n", 1)[1].split("```", 1)[0]
    for name in ("company-root.pem", "client.pem"):
        trustme.CA().cert_pem.write_to_path(tmp_path / name)
    (tmp_path / "client.key").touch(mode=0o600)

    found = settings.check_configuration(parse_json(block.encode()), path=tmp_path / "c.json")

    modes = [one.tls.mode if one.tls else None for one in found.servers().values()]
    assert modes == ["verify-full", "verify-full", None]


def test_every_stage_of_a_login_is_documented() -> None:
    rows = table(document(OPERATIONS), "stage", "what failed")
    not_tried = {one.stage for one in (DIED, LATE, DISMISSED, PAUSED, UNREACHABLE, BUSY)}

    documented = {stage for row in rows for stage in ticked(row[0])}

    assert documented == {stage.value for stage in Stage} | not_tried


def test_every_key_of_a_proof_is_documented() -> None:
    part = Part(1, "executor", "", hits=(HIT,), unscanned=(Unscanned(1, "executor", "a", "b"),))
    told = json.loads(as_json(Report((part,), (), (), 1, False, 0.0, 0.0)))  # noqa: FBT003 - a field
    rows = table(document(OPERATIONS), "key", "what it is")

    keys = {key.split("[].")[-1] for row in rows for cell in row for key in ticked(cell)}

    assert {*told, *told["parts"][0], *told["parts"][0]["hits"][0]} <= keys
    assert set(told["parts"][0]["unscanned"][0]) <= keys


def test_every_exit_code_of_ours_is_documented() -> None:
    codes = {EXIT_FAILED, EXIT_CANNOT_START, *(verdict.value for verdict in Verdict)}
    codes |= {value for name, value in vars(options).items() if name.startswith("EXIT_")}

    documented = {int(row[0]) for row in table(document(OPERATIONS), "code", "of", "meaning")}

    assert codes <= documented
