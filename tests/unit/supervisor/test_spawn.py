"""What a child may see of the environment."""

from supervisor.spawn import clean_environment, role_programs


def test_only_what_is_harmless_reaches_a_child() -> None:
    source = {
        "PATH": "/bin",
        "HOME": "/root",
        "LC_ALL": "C",
        "TZ": "UTC",
        "PGPASSWORD": "x",
        "MAIN_DB_CREDENTIALS": "x",
        "LD_PRELOAD": "x",
        "PYTHONSTARTUP": "x",
        "HTTPS_PROXY": "x",
        "STRONGROOM_SECRETS_FD": "9",
    }

    assert set(clean_environment(source)) == {"PATH", "HOME", "LC_ALL", "TZ"}


def test_the_working_directory_does_not_come_in_by_the_import_path() -> None:
    assert clean_environment({"PYTHONPATH": "/a::.:b:/c"}) == {"PYTHONPATH": "/a:/c"}
    assert clean_environment({"PYTHONPATH": ":."}) == {}


def test_every_python_of_ours_starts_without_its_working_directory() -> None:
    programs = role_programs()

    assert all(p.arguments[1] == "-P" for role, p in programs.items() if role != "demo")


def test_vault_and_login_server_overwrite_the_memory_that_they_free() -> None:
    programs = role_programs()

    for role, program in programs.items():
        wiping = "PYTHONMALLOC" in dict(program.environment)
        assert wiping == (role in {"vault", "login-server"})


def test_whoever_sees_a_password_has_its_libraries_bound_before_it_does() -> None:
    programs = role_programs()

    for role, program in programs.items():
        is_bound = dict(program.environment).get("LD_BIND_NOW") == "1"
        assert is_bound == (role in {"gateway", "vault", "login-server"})
