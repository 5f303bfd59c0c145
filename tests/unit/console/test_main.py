"""The command line: what is refused, what is loaded, and in which order."""

import importlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from console.commandline import COMMANDS, main
from wire.version import VERSION

ROOT = Path(__file__).resolve().parents[3]


def strongroom(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "console", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])

    assert caught.value.code == 0
    assert COMMANDS[command] in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize("command", ["up", "stdio", "query", "prove"])
def test_the_help_says_where_a_system_runs_when_nobody_says(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/100%s")

    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])

    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "(default: /run/100%s/strongroom)" in shown
    if command == "up":
        assert "processes that run SQL (default: 2)" in shown
        assert "processes that face clients (default: 1)" in shown


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["--run-dir", "x"], ["query"]])
def test_what_is_no_command_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2


@pytest.mark.parametrize("command", [["status"], ["query", "a", "SELECT 1"]])
def test_a_system_that_does_not_run_is_one_sentence(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o711)

    status = main([*command, "--run-dir", str(tmp_path)])

    assert status == 1
    assert capsys.readouterr().err == (
        f"strongroom: nothing runs on {tmp_path}; "
        "start it with ./scripts/launch.py or `strongroom up`\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_another_users_directory_is_refused_with_its_users_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(tmp_path, nobody.pw_uid, nobody.pw_gid)
    monkeypatch.setattr("console.system.own_uid", lambda: 4321)

    status = main(["status", "--run-dir", str(tmp_path)])

    assert status == 1
    assert capsys.readouterr().err == (
        f"strongroom: run directory {tmp_path} belongs to another user, nobody\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_system_of_root_says_how_another_user_may_ask_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    importlib.import_module("console.commands.status")  # the other user may not read our files
    run_dir = Path(tempfile.mkdtemp(dir="/tmp"))  # each part of the path is open to others
    run_dir.chmod(0o711)
    control = run_dir / "control.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(control))
            control.chmod(0o600)
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
            status = main(["status", "--run-dir", str(run_dir)])
    finally:
        os.seteuid(0)
        shutil.rmtree(run_dir)

    assert status == 1
    assert capsys.readouterr().err == (
        f"strongroom: {control}: Permission denied (it is root's; act as that user, or use "
        "`query` with --url and --token-file)\n"
    )


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"strongroom {VERSION}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="it is for root in another user's checkout")
def test_root_leaves_no_bytecode_in_a_checkout_of_another_user(tmp_path: Path) -> None:
    for name in ("console", "wire", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for path in [tmp_path, *tmp_path.rglob("*")]:
        os.chown(path, 12345, 12345)
    before = set(tmp_path.rglob("*.pyc"))

    done = subprocess.run(
        [sys.executable, "-P", "-m", "console", "prove", "--help"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 0
    # The package's own first file is compiled before a line of ours runs.
    made = {path.name.partition(".")[0] for path in set(tmp_path.rglob("*.pyc")) - before}
    assert made <= {"__init__"}


def test_a_run_directory_that_others_can_write_is_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o777)

    status = main(["status", "--run-dir", str(tmp_path)])

    assert status == 1
    assert "can be written by other users" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["up", "stdio"])
def test_a_broken_configuration_is_one_sentence(command: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"connections": {"a": {"type": "postgresql", "host": 1}}}')

    done = strongroom(command, "--config", str(path), "--run-dir", str(tmp_path / "run"))

    assert done.returncode == 2
    assert done.stdout == ""
    first = done.stderr.splitlines()[0]
    assert first == (
        f'strongroom: configuration {path}: connection "a": key "host" must be a host name, '
        "an IP address, or the absolute path of a Unix socket, of at most 92 bytes"
    )


def test_a_planted_package_in_the_working_directory_is_not_run(tmp_path: Path) -> None:
    for name in ("console", "supervisor", "vault"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('planted')")

    done = subprocess.run(
        [sys.executable, "-P", "-m", "console", "up", "--listen", "0.0.0.0:1"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 2
    assert "only loopback addresses" in done.stderr
