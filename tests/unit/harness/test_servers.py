"""The real servers of the tests: what they ask of a login, and that they come back and go away."""

import secrets
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests.harness.certificates import Certificates
from tests.harness.children import until_gone
from tests.harness.mariadb import NAME as MARIADB
from tests.harness.mariadb import MariadbServer
from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_family import MysqlFamilyServer
from tests.harness.pgbouncer import PgBouncer
from tests.harness.postgres_debian import PostgresTlsServer
from tests.harness.server_fixtures import programs_or_skip

ODD_PASSWORD = ":@/%'\"\\ é"


def a_name() -> str:
    return f"role_{secrets.token_hex(4)}"


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def url(server: PostgresTlsServer, user: str, **keys: str) -> str:
    made = {"host": server.host, "port": str(server.port), "user": user, "dbname": "postgres"}
    made |= {"password": ODD_PASSWORD, "sslrootcert": str(server.certificates.roots)}
    return psycopg.conninfo.make_conninfo("", **made, **keys)


def lets_in(server: PostgresTlsServer, user: str, **keys: str) -> bool:
    try:
        psycopg.connect(url(server, user, **keys)).close()
    except psycopg.OperationalError:
        return False
    return True


def test_postgresql_has_tls_and_runs_as_no_root(postgres15: PostgresTlsServer) -> None:
    (row,) = postgres15.admin_sql("select ssl from pg_stat_ssl where pid = pg_backend_pid()")

    assert row == (True,)
    assert owner_of(postgres15.pid) != 0


def test_postgresql_asks_each_group_for_another_login(postgres15: PostgresTlsServer) -> None:
    names = {}
    for group in ("by_certificate", "only_encrypted", "only_plain"):
        names[group] = a_name()
        postgres15.create_role(names[group], ODD_PASSWORD, in_role=group)
    own = postgres15.certificates.client(names["by_certificate"])
    with_own = {"sslcert": str(own.chain), "sslkey": str(own.key)}

    assert lets_in(postgres15, names["by_certificate"], sslmode="verify-full", **with_own)
    assert not lets_in(postgres15, names["by_certificate"], sslmode="verify-full")
    assert not lets_in(postgres15, names["only_encrypted"], sslmode="disable")
    assert lets_in(postgres15, names["only_encrypted"], sslmode="verify-full")
    assert not lets_in(postgres15, names["only_plain"], sslmode="verify-full")
    assert lets_in(postgres15, names["only_plain"], sslmode="disable")


@pytest.mark.parametrize(("group", "way"), [("by_md5", "md5"), ("in_clear", "password")])
def test_postgresql_asks_for_what_is_weaker_where_a_group_says_so(
    postgres15: PostgresTlsServer, group: str, way: str
) -> None:
    name = a_name()
    if group == "by_md5":
        postgres15.create_md5_role(name, ODD_PASSWORD, in_role=group)
    else:
        postgres15.create_role(name, ODD_PASSWORD, in_role=group)

    assert lets_in(postgres15, name, sslmode="verify-full", require_auth=way)


def test_postgresql_shows_another_certificate_when_told(postgres15: PostgresTlsServer) -> None:
    usual, other = postgres15.certificates.rsa, postgres15.certificates.ecdsa

    postgres15.use_certificate(other)
    shown = postgres15.shown_certificate()
    postgres15.use_certificate(usual)

    assert shown == other.der
    assert postgres15.shown_certificate() == usual.der


def test_pgbouncer_passes_a_role_of_any_password_on(pgbouncer: PgBouncer) -> None:
    name = a_name()
    pgbouncer.create_role(name, ODD_PASSWORD)

    with pgbouncer.connect(name, ODD_PASSWORD, "postgres") as connection:
        row = connection.execute("select current_user").fetchone()
        pools = [one for one in pgbouncer.admin_sql("show pools") if one[1] == name]

    assert row == (name,)
    assert len(pools) == 1


def test_a_user_of_the_mysql_family_logs_in_over_tls_and_to_its_database_only(
    mysql_family: MysqlFamilyServer,
) -> None:
    name, database, foreign = a_name(), a_name(), a_name()
    mysql_family.create_user(name, ODD_PASSWORD)
    mysql_family.create_database(database, name)
    mysql_family.admin_sql(f"create database {foreign}")

    with (
        mysql_family.connect(name, ODD_PASSWORD, database) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("show status like 'Ssl_version'")
        assert cursor.fetchone() == ("Ssl_version", "TLSv1.3")
        cursor.execute("select connection_id()")
        assert cursor.fetchone() == (mysql_family.sessions(name)[0],)
    with pytest.raises(pymysql.OperationalError) as failure:
        mysql_family.connect(name, ODD_PASSWORD, foreign)
    assert failure.value.args[0] == 1044
    assert owner_of(mysql_family.pid) != 0


def test_mysql_knows_a_password_of_caching_sha2_until_it_is_told_to_forget(
    mysql9: Mysql9Server,
) -> None:
    name = a_name()
    mysql9.create_user(name, ODD_PASSWORD, plugin="caching_sha2_password")

    mysql9.connect(name, ODD_PASSWORD).close()
    assert knows(mysql9, name)
    mysql9.forget_logins()
    assert not knows(mysql9, name)


def knows(server: Mysql9Server, user: str) -> bool:
    """Tell whether the server lets *user* in without the password itself, which it cannot get."""
    try:
        # Without TLS PyMySQL asks for the server's key; with a wrong one the server gives up.
        pymysql.connect(
            host=server.host,
            port=server.port,
            user=user,
            password=ODD_PASSWORD.encode(),
            ssl_disabled=True,
            server_public_key=server.certificates.roots.read_bytes(),
        ).close()
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("plugin", ["mysql_native_password", "ed25519"])
def test_mariadb_has_both_plugins(mariadb: MariadbServer, plugin: str) -> None:
    name = a_name()
    mariadb.create_user(name, ODD_PASSWORD, plugin=plugin)

    mariadb.connect(name, ODD_PASSWORD).close()

    assert mariadb.admin_sql("select plugin from user where user = %s", name) == [(plugin,)]


def test_a_mysql_account_may_have_sha256_password(mysql9: Mysql9Server) -> None:
    name = a_name()
    mysql9.create_user(name, ODD_PASSWORD, plugin="sha256_password")

    mysql9.connect(name, ODD_PASSWORD).close()

    assert mysql9.public_key.read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")


def test_a_server_that_was_killed_comes_back_with_its_data_and_goes_away_without_a_trace(
    certificates: Certificates,
) -> None:
    with MariadbServer(programs_or_skip(MARIADB), certificates) as server:
        first = server.pid
        server.admin_sql("create database kept")
        server.kill()
        server.start()
        found = server.admin_sql("show databases like 'kept'")
        second, directory = server.pid, server.directory

    assert found == [("kept",)]
    assert first != second
    until_gone(first)
    until_gone(second)
    assert not directory.exists()
