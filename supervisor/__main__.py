"""Start the system: `python -P -m supervisor`, with the options in options.py."""

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from supervisor import greeting, rundir
from supervisor.keys import ConfigurationError
from supervisor.listening import ListenError, bound_address, listen
from supervisor.memory import make_memories
from supervisor.options import EXIT_ALREADY_RUNNING, Options, parse_options
from supervisor.outfits import Outfits
from supervisor.plan import Member, Stage, start_plan
from supervisor.report import fixed_fields
from supervisor.sentences import credentials_sentence, gave_up_sentence
from supervisor.service import Needs, Supervisor
from supervisor.settings import Configuration, read_configuration
from supervisor.spawn import Program, role_programs
from supervisor.voice import Voice
from wire.child import fence
from wire.exits import EXIT_CANNOT_START
from wire.names import Role
from wire.rundir import RunDirectoryError
from wire.takeout_fd import SECRETS_FD, inherited_descriptor

STANDARD_STREAMS_END: Final = 2


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What must be had before anything starts; failing to get it has a sentence."""

    options: Options
    configuration: Configuration
    run_dir: rundir.RunDirectory
    stages: tuple[Stage, ...]
    listener: socket.socket | None

    @property
    def url(self) -> str | None:
        """Return where MCP clients connect, if they can over HTTP."""
        if self.listener is None:
            return None
        return greeting.ready_url(bound_address(self.listener).shown)

    @property
    def members(self) -> tuple[Member, ...]:
        """Return every process that shall run."""
        return tuple(member for stage in self.stages for unit in stage for member in unit)


def main(programs: Mapping[Role, Program] | None = None) -> int:
    """Run the system and return the exit status.

    *programs* are for tests that need processes which behave in a certain way.
    """
    secrets = _take_secrets()
    _keep_descriptors()
    fence(dies_with_parent=False)
    try:
        options = parse_options(sys.argv[1:])
        if options.config is None:
            return _check_without_configuration(options)
        ground = _prepare(options, options.config)
    except rundir.AlreadyRunningError as error:
        return _refused(error, EXIT_ALREADY_RUNNING)
    except (ConfigurationError, ListenError, RunDirectoryError) as error:
        return _refused(error, EXIT_CANNOT_START)
    if ground.options.check:
        ground.run_dir.clear()
        return 0
    try:
        return _run(ground, secrets, programs or role_programs(options.demo_command))
    finally:
        ground.run_dir.clear()


def _check_without_configuration(options: Options) -> int:
    """Look for what would be refused later, before somebody makes a demo database for nothing."""
    run_dir = rundir.claim(options.run_dir, executors=())
    try:
        if options.listen is not None:
            listen(options.listen).close()
    finally:
        run_dir.clear()
    return 0


def _prepare(options: Options, config: Path) -> Ground:
    configuration = read_configuration(config)
    stages = start_plan(
        executors=options.executors,
        gateways=options.gateways,
        demo=bool(options.demo_command),
        has_files=bool(configuration.files()),
    )
    executors = [unit[0].name for unit in stages[-1] if unit[0].role == "executor"]
    # First the directory: whoever starts twice shall read of the first start, not of its port.
    run_dir = rundir.claim(options.run_dir, executors=executors)
    try:
        listener = None if options.listen is None else listen(options.listen)
    except ListenError:
        run_dir.clear()
        raise
    return Ground(
        options=options,
        configuration=configuration,
        run_dir=run_dir,
        stages=stages,
        listener=listener,
    )


def _run(ground: Ground, secrets: int | None, programs: Mapping[Role, Program]) -> int:
    options, run_dir = ground.options, ground.run_dir
    voice = Voice.open(run_dir.path, quiet=options.until_idle, form=options.log_form)
    token = run_dir.write_token() if options.token and ground.listener else None
    outfits = Outfits(
        ground.configuration,
        run_dir,
        make_memories(voice.log),
        executors=options.executors,
        listener=ground.listener,
        token_sha256=None if token is None else token.sha256,
        secrets=secrets,
    )
    facts = _facts(ground, log=voice.log_file, token=None if token is None else token.text)
    needs = Needs(
        stages=ground.stages,
        programs=programs,
        environment=os.environ,
        run_dir=run_dir,
        outfits=outfits,
        fixed=fixed_fields(
            ground.configuration, url=ground.url, run_dir=run_dir.path, log=voice.log_file
        ),
        until_idle=options.until_idle,
        log=voice.log,
        sealed=lambda sealed: credentials_sentence(sealed, ground.configuration),
        gave_up=lambda name: gave_up_sentence(name, log=voice.log_file),
        ready=lambda: voice.greet(greeting.greeting(facts)),
        last_words=voice.say,
    )
    status = Supervisor(needs).run()
    _tell_of_leftovers(options, voice)
    if status == 0:
        voice.stopped()
    return status


def _tell_of_leftovers(options: Options, voice: Voice) -> None:
    """Say that the demo's directory is still there: its keeper was killed, or died."""
    if options.demo_password_file is None or not options.demo_password_file.parent.exists():
        return
    directory = str(options.demo_password_file.parent)
    voice.log.warning("demo_left", directory=directory)
    voice.say(f"the demo's directory {directory} is still there; the next demo's start removes it")


def _facts(ground: Ground, *, log: Path | None, token: str | None) -> greeting.Facts:
    return greeting.Facts(
        configuration=ground.configuration,
        members=ground.members,
        run_dir=ground.run_dir.path,
        log=log,
        url=ground.url,
        token=token,
        script=_script(),
        demo_password_file=ground.options.demo_password_file,
        demo_user=ground.options.demo_user,
    )


def _take_secrets() -> int | None:
    """Return the descriptor with the credentials, if any, and forget its variable."""
    descriptor = inherited_descriptor()
    os.environ.pop(SECRETS_FD, None)
    return descriptor


def _keep_descriptors() -> None:
    """Let no process of ours inherit what whoever started us left open."""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one of this listing is closed by now
            if int(entry.name) > STANDARD_STREAMS_END:
                os.set_inheritable(int(entry.name), False)  # noqa: FBT003 - the os module's own signature


def _script() -> tuple[str, ...]:
    """Return how to call `strongroom` from anywhere: the installed script, or this Python."""
    beside = Path(sys.executable).with_name("strongroom")
    return (str(beside),) if beside.exists() else (sys.executable, "-P", "-m", "console")


def _refused(error: Exception, status: int) -> int:
    sys.stderr.write(f"strongroom: {error}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
