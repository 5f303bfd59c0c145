"""Sessions on a real MariaDB and a real MySQL, after the login and at their end."""

import pytest

from tests.harness.mysql9 import Mysql9Server
from tests.harness.mysql_family import MysqlFamilyServer
from tests.unit.vault.mysql_lines import Dial, a_user, command, log_in
from tests.unit.vault.mysql_scripts import OUR_FLAGS
from vault.login import mysql
from vault.login.refusals import LoginRefusedError, Stage

AUTOCOMMIT = 2


def test_the_session_is_as_the_login_says(
    mysql_family: MysqlFamilyServer, dial_mysql: Dial
) -> None:
    user = a_user(mysql_family, "swordfish", mysql_family.usual_plugin)
    line = dial_mysql(mysql_family)

    session = log_in(line, user, b"swordfish")

    ((version,),) = mysql_family.admin_sql("select version()")
    # What MariaDB puts in front is for replicas of old; drivers drop it.
    assert session.version.decode().removeprefix("5.5.5-") == version
    assert (session.capabilities, session.charset, session.status) == (OUR_FLAGS, 45, AUTOCOMMIT)
    assert mysql_family.sessions(user) == [session.backend_id]
    line.send(command(b"\x03SELECT CONCAT_WS(0x2c, @@collation_connection, DATABASE())"))
    line.send(mysql.quit_message())
    assert b"utf8mb4_general_ci,shop" in line.read_to_end()


@pytest.mark.parametrize(
    ("change", "errno"),
    [
        ("alter user `{}`@`%` account lock", {3118, 4151}),
        ("revoke all on shop.* from `{}`@`%`", {1044}),
        ("drop user `{}`@`%`", {1045}),
    ],
)
def test_a_real_server_says_why_by_its_number(
    mysql_family: MysqlFamilyServer, dial_mysql: Dial, change: str, errno: set[int]
) -> None:
    user = a_user(mysql_family, "tuna", mysql_family.usual_plugin)
    mysql_family.admin_sql(change.format(user))

    with pytest.raises(LoginRefusedError) as failure:
        log_in(dial_mysql(mysql_family), user, b"tuna")

    assert failure.value.errno in errno
    assert "refused the login" not in failure.value.sentence


def test_a_user_who_has_as_many_sessions_as_it_may_is_told_so(
    mysql_family: MysqlFamilyServer, dial_mysql: Dial
) -> None:
    user = a_user(mysql_family, "tuna", mysql_family.usual_plugin)
    mysql_family.admin_sql(f"alter user `{user}`@`%` with max_user_connections 1")
    log_in(dial_mysql(mysql_family), user, b"tuna")

    with pytest.raises(LoginRefusedError) as failure:
        log_in(dial_mysql(mysql_family), user, b"tuna")

    assert failure.value.errno == 1226
    assert "limits" in failure.value.sentence


def test_mysql_does_not_let_an_expired_password_in(mysql9: Mysql9Server, dial_mysql: Dial) -> None:
    user = a_user(mysql9, "tuna", "caching_sha2_password")
    mysql9.admin_sql(f"alter user `{user}`@`%` password expire")

    with pytest.raises(LoginRefusedError) as failure:
        log_in(dial_mysql(mysql9), user, b"tuna")

    assert failure.value.errno == 1862
    assert "expired" in failure.value.sentence


def test_a_session_is_ended_and_ending_it_again_is_no_refusal(
    mysql_family: MysqlFamilyServer, dial_mysql: Dial
) -> None:
    user = a_user(mysql_family, "eel", mysql_family.usual_plugin)
    victim, killer = dial_mysql(mysql_family), dial_mysql(mysql_family)
    session = log_in(victim, user, b"eel")
    log_in(killer, user, b"eel")

    killer.carry(mysql.kill(session.backend_id, "CONNECTION"))
    victim.read_to_end()
    while session.backend_id in mysql_family.sessions(user):
        pass  # every look is a round trip to the server

    # Raises where it is refused.
    killer.carry(mysql.kill(session.backend_id, "CONNECTION"))


def test_kill_query_ends_the_statement_and_leaves_the_session(
    mysql_family: MysqlFamilyServer, dial_mysql: Dial
) -> None:
    user = a_user(mysql_family, "gar", mysql_family.usual_plugin)
    victim, killer = dial_mysql(mysql_family), dial_mysql(mysql_family)
    session = log_in(victim, user, b"gar")
    log_in(killer, user, b"gar")
    victim.send(command(b"\x03SELECT SLEEP(600)"))
    running = f"select id from information_schema.processlist where id = {session.backend_id}"
    while not mysql_family.admin_sql(f"{running} and command = 'Query'"):
        pass  # every look is a round trip to the server

    killer.carry(mysql.kill(session.backend_id, "QUERY"))

    while mysql_family.admin_sql(f"{running} and command = 'Query'"):
        pass
    assert session.backend_id in mysql_family.sessions(user)


def test_ending_somebody_elses_session_is_refused_by_the_server(
    mysql_family: MysqlFamilyServer, dial_mysql: Dial
) -> None:
    plugin = mysql_family.usual_plugin
    victim = log_in(dial_mysql(mysql_family), a_user(mysql_family, "cod", plugin), b"cod")
    killer = dial_mysql(mysql_family)
    log_in(killer, a_user(mysql_family, "ray", plugin), b"ray")

    with pytest.raises(LoginRefusedError) as failure:
        killer.carry(mysql.kill(victim.backend_id, "CONNECTION"))

    assert (failure.value.stage, failure.value.errno) == (Stage.END_SESSION, 1095)


def test_quit_ends_the_session_without_a_word(
    mysql_family: MysqlFamilyServer, dial_mysql: Dial
) -> None:
    line = dial_mysql(mysql_family)
    log_in(line, a_user(mysql_family, "ide", mysql_family.usual_plugin), b"ide")

    line.send(mysql.quit_message())

    assert line.read_to_end() == b""
