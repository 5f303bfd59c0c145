"""What the configuration file may say, and the sentence for each way to get it wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.connections import CONNECTION, is_loopback
from supervisor.keys import ConfigurationError
from supervisor.settings import (
    KEYS,
    Configuration,
    Limits,
    check_configuration,
    read_configuration,
)
from supervisor.strict_json import NotJsonError, parse_json
from wire.lending import Tls
from wire.names import ConnectionName

GOOD = {"type": "postgresql", "host": "localhost", "database": "d", "credentialsEnv": "A_B"}
PATH = Path("strongroom.json")
CANARY = "hunter2-not-to-be-shown"


def read(text: str) -> Configuration:
    return check_configuration(parse_json(text.encode()), path=PATH)


def with_connection(**changes: object) -> str:
    kept = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return json.dumps({"connections": {"main_db": kept}})


def refusal(text: str) -> str:
    with pytest.raises((ConfigurationError, NotJsonError)) as caught:
        read(text)
    return str(caught.value)


def test_the_example_of_the_first_design_loads_as_it_stands() -> None:
    text = """{"connections": {
        "main_db": {"type": "postgresql", "host": "localhost", "database": "mydb", "port": 5432,
                    "credentialsEnv": "MAIN_DB_CREDENTIALS"},
        "analytics_db": {"type": "mysql", "host": "analytics.example.com", "database": "analytics",
                         "credentialsEnv": "ANALYTICS_DB_CREDENTIALS"}}}"""

    found = read(text)

    main, other = found.servers().values()
    assert (main.engine, main.port, main.access) == ("postgresql", 5432, "read-write")
    assert (other.engine, other.port) == ("mysql", 3306)
    assert main.tls is None
    assert other.tls == Tls(mode="verify-full")
    assert found.limits == Limits()


def test_access_and_limits_are_read() -> None:
    text = with_connection(access="read-only").removesuffix("}") + ', "limits": {"rows": 7}}'

    found = read(text)

    assert found.connections[ConnectionName("main_db")].access == "read-only"
    assert found.limits == Limits(rows=7)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("128.0.0.1", False),
    ],
)
def test_loopback_is_what_never_leaves_the_machine(host: str, *, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("type", "oracle"),
        ("type", 1),
        ("host", ""),
        ("host", "a\0b"),
        ("host", "/" + "x" * 92),
        ("host", "/var/run\n"),
        ("host", "var/run/postgresql"),
        ("host", "x" * 254),
        ("database", "x" * 129),
        ("database", ["d"]),
        ("port", "5432"),
        ("port", 0),
        ("port", True),
        ("port", 65536),
        ("port", 1.5),
        ("credentialsEnv", ""),
        ("credentialsEnv", "A=B"),
        ("credentialsEnv", "A\0B"),
        ("credentialsEnv", "1A"),
        ("credentialsEnv", "A\n"),
        ("credentialsEnv", "Ä"),
        ("credentialsEnv", "PATH"),
        ("credentialsEnv", "LD_PRELOAD"),
        ("access", "admin"),
        ("sslmode", "off"),
        ("sslmode", {}),
        ("sslrootcert", ""),
        ("sslcert", 1),
        ("sslkey", "a\0b"),
        ("sslnegotiation", "maybe"),
        ("channel_binding", True),
        ("server_public_key", []),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_key(key: str, value: object) -> None:
    sentence = refusal(with_connection(**{key: value}))

    assert sentence.startswith('configuration strongroom.json: connection "main_db":')
    assert f'key "{key}" must be' in sentence


@pytest.mark.parametrize(
    "host", ["localhost:15434", f"{CANARY}:5432", "10.0.0.1:5432", "[::1]", "[::1]:5432", "db:"]
)
def test_a_host_with_its_port_is_refused_with_the_place_where_that_belongs(host: str) -> None:
    sentence = refusal(with_connection(host=host))

    assert 'key "host" must be a host name, an IP address' in sentence
    assert sentence.endswith('put the port into "port", and write an IPv6 address without brackets')
    assert CANARY not in sentence


@pytest.mark.parametrize("host", ["::1", "fe80::1%eth0", "2001:db8::5:5432", "10.0.0.1", "db"])
def test_an_address_of_either_family_is_a_host(host: str) -> None:
    (found,) = read(with_connection(host=host)).servers().values()

    assert found.host == host


@pytest.mark.parametrize("host", ["postgresql://u:p@db:5432/d", "u:p@db", "/" + "x:" * 50])
def test_a_host_that_is_something_else_is_not_told_about_ports(host: str) -> None:
    assert "port" not in refusal(with_connection(host=host))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("mariadb", ': "mysql" is for MariaDB too'),
        ("MariaDB", ': "mysql" is for MariaDB too'),
        ("postgres", '; did you mean "postgresql"?'),
        ("PostgreSQL", '; did you mean "postgresql"?'),
        ("sqlite3", '; did you mean "sqlite"?'),
        ("mssql", ""),
    ],
)
def test_another_name_of_a_type_is_told_with_ours(written: str, words: str) -> None:
    sentence = refusal(with_connection(type=written))

    assert sentence.endswith(f'key "type" must be "postgresql" or "mysql" or "sqlite"{words}')


@pytest.mark.parametrize(
    ("key", "meant"), [("hots", "host"), ("credentialsenv", "credentialsEnv"), ("Port", "port")]
)
def test_an_unknown_key_is_told_with_the_one_that_may_be_meant(key: str, meant: str) -> None:
    assert f'is not known; did you mean "{meant}"?' in refusal(with_connection(**{key: 1}))


@pytest.mark.parametrize("key", ["type", "host", "database", "credentialsEnv"])
def test_a_missing_key_is_named(key: str) -> None:
    assert f'key "{key}" is missing' in refusal(with_connection(**{key: None}))


@pytest.mark.parametrize("key", ["password", "user", "Username"])
def test_a_credential_in_the_file_is_refused_with_the_place_where_it_belongs(key: str) -> None:
    sentence = refusal(with_connection(**{key: CANARY}))

    assert "environment variable" in sentence
    assert CANARY not in sentence


def test_a_credential_in_place_of_its_variable_is_refused_and_not_quoted() -> None:
    sentence = refusal(with_connection(credentialsEnv=f"user:{CANARY}"))

    assert 'key "credentialsEnv" must be the name of an environment variable' in sentence
    assert "not the credential itself" in sentence
    assert CANARY not in sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("[]", "must be a JSON object"),
        ("{}", 'key "connections" is missing'),
        ('{"connections": 1}', "must be a JSON object"),
        ('{"connections": {}}', "1 to 1000 connections"),
        ('{"connections": {"a": 1}}', 'connection "a": it must be a JSON object'),
        ('{"connections": {"a": {}, "a": {}}}', '"connections" "a" stands there twice'),
        ('{"connections": {"a": {"type": "x", "type": "x"}}}', '"type" stands there twice'),
        ('{"a": 1, "a": 1}', '"a" stands there twice'),
        ('{"connections": {"": {}}}', "name must be text of 1 to 128"),
        ('{"other": 1}', 'key "other" is not known'),
        ('{"connections": {"a": NaN}}', "number that is not one"),
        ('{"a":\n  x}', "line 2, column 3: Expecting value"),
        ('{"a": "\\q"}', "line 1, column 8: Invalid"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "number that is not one"),
    ],
)
def test_a_broken_file_is_told_in_one_sentence(text: str, words: str) -> None:
    sentence = refusal(text)

    assert words in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("key", "value"), [("rows", 0), ("rows", "9"), ("resultBytes", 1), ("more", 1)]
)
def test_a_limit_out_of_its_limits_is_refused(key: str, value: object) -> None:
    text = with_connection().removesuffix("}") + f', "limits": {{"{key}": {json.dumps(value)}}}}}'

    assert f'"limits": key "{key}"' in refusal(text)


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("leaseIdleSeconds", "leaseSeconds"),
        ("connectionsPerPrincipal", "connectionsPerDatabase"),
        ("statementsPerLease", "statementsPerPrincipal"),
    ],
)
def test_a_limit_that_another_keeps_from_being_reached_is_refused(
    smaller: str, larger: str
) -> None:
    both = with_connection().removesuffix("}") + f', "limits": {{"{smaller}": 9, "{larger}": %d}}}}'

    assert f'key "{smaller}" must be at most "{larger}"' in refusal(both % 8)
    assert read(both % 9).limits != Limits()


def test_text_that_is_not_utf8_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(b'{\n"a": "\xff"}')

    with pytest.raises(ConfigurationError, match="not UTF-8 text: line 2"):
        read_configuration(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.json cannot be read: No such file"):
        read_configuration(tmp_path / "none.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(CANARY),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*KEYS, *CONNECTION, "main", "rows", "hosts", "ports"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)  # how long a refusal takes is the machine's affair
@given(JSON)
def test_no_value_of_a_file_is_ever_in_a_sentence(found: object) -> None:
    try:
        read(json.dumps(found))
    except ConfigurationError as error:
        assert CANARY not in str(error)  # noqa: PT017 - most files are refused, not all
