"""All processes: what came from them goes to the cores, and what the cores say is done."""

import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from supervisor import lifecycle as life
from supervisor import plan
from supervisor.children import Child, join, new_incarnation, packed
from supervisor.lifecycle import Lifecycle, State
from supervisor.log_pipe import LogPipe
from supervisor.outfits import Outfit
from supervisor.spawn import Program, spawn
from supervisor.watch import Watch
from wire.codec import MalformedMessageError
from wire.control import Admitted, Configure, FromChild, Ready
from wire.control import Finish as FinishMessage
from wire.logs import Log
from wire.names import Incarnation, Role
from wire.packets import PeerGoneError, socket_pair

_KILLED: Final = 128 + signal.SIGKILL
"""As a shell has it: asked to end or not, it did not end by itself."""


@dataclass(frozen=True)
class Hooks:
    """Whom the fleet tells."""

    heard: Callable[[Child, FromChild], None]
    """A child said something that is not about its own life."""
    changed: Callable[[], None]
    """A unit may have become ready."""
    over: Callable[[str, int], None]
    """The unit of that first member has exited for good, with the last status."""
    gave_up: Callable[[str], None]
    """The unit of that first member failed too often."""


@dataclass(eq=False)
class Post:
    """A unit, its life, and how to equip its members."""

    unit: plan.Unit
    life: Lifecycle
    outfit: Callable[[plan.Member], Outfit]
    brief: bool
    """True for a unit that does not outlive its first end."""
    status: int = 0

    @property
    def name(self) -> str:
        """Return the name of the first member, which stands for the unit."""
        return self.unit[0].name

    def member(self, name: str) -> plan.Member:
        """Return the member of that name."""
        return next(member for member in self.unit if member.name == name)


class Fleet:
    """The units, the children that are alive, and who knows of whom."""

    def __init__(
        self,
        watch: Watch,
        roster: plan.Roster,
        *,
        programs: Mapping[Role, Program],
        environment: Mapping[str, str],
        log: Log,
        hooks: Hooks,
    ) -> None:
        self._watch = watch
        self._roster = roster
        self._programs = programs
        self._environment = dict(environment)
        self._log = log
        self._hooks = hooks
        self.started_at = time.monotonic()
        self._posts: dict[str, Post] = {}
        self._children: dict[Incarnation, Child] = {}
        self._log_pipes: dict[Incarnation, LogPipe] = {}
        self._condemned: set[Incarnation] = set()

    def start(
        self, unit: plan.Unit, outfit: Callable[[plan.Member], Outfit], *, lives: int | None = None
    ) -> None:
        """Start *unit*, and keep it alive as long as *lives* allows."""
        role = unit[0].role
        machine = Lifecycle(
            [one.name for one in unit],
            lives=lives,
            stop_s=life.DEMO_STOP_S if role == "demo" else life.STOP_S,
            is_exposed=role in plan.EXPOSED,
        )
        post = Post(unit, machine, outfit, brief=lives is not None)
        self._posts[post.name] = post
        self._report(post, life.Begin())

    def stop(self, name: str) -> None:
        """End the unit of that first member for good."""
        post = self._posts.get(name)
        if post is not None:
            self._report(post, life.StopAsked())

    def stop_all(self) -> None:
        """End every unit for good."""
        # Last started, first told: who borrows knows of it before the lender goes.
        for name in reversed(list(self._posts)):
            self.stop(name)

    def all_exited(self) -> bool:
        """Return whether nothing runs and nothing will."""
        return all(post.life.state is State.EXITED for post in self._posts.values())

    def all_running(self, units: Iterable[plan.Unit]) -> bool:
        """Return whether all of *units* are ready."""
        found = (self._posts.get(unit[0].name) for unit in units)
        return all(post is not None and post.life.state is State.RUNNING for post in found)

    def kill(self, incarnation: Incarnation) -> None:
        """End this life, of which nothing more is heard; another one follows."""
        child = self.child(incarnation)
        if child is not None:
            self._condemned.add(incarnation)
            child.signal(signal.SIGKILL)

    def child(self, incarnation: Incarnation) -> Child | None:
        """Return the child of that name, None when it has exited."""
        return self._children.get(incarnation)

    def has(self, pid: int) -> bool:
        """Return whether *pid* is one of our children."""
        return any(child.pid == pid for child in self._children.values())

    def alive(self) -> list[Child]:
        """Return the children that have not exited."""
        return list(self._children.values())

    def at_work(self) -> list[Child]:
        """Return the children of units that can take work, and that know our messages."""
        return [
            child
            for child in self.alive()
            if child.role != "demo" and self.post_of(child).life.state is State.RUNNING
        ]

    def posts(self) -> list[Post]:
        """Return every unit and its life."""
        return list(self._posts.values())

    def post_of(self, child: Child) -> Post:
        """Return the post that *child* fills."""
        posts = self._posts.values()
        return next(post for post in posts if child.name in post.life.members)

    def _readable(self, child: Child) -> None:
        try:
            for message in child.hear():
                self._take(child, message)
        except PeerGoneError:
            self._watch.drop(child.control.fileno())
        except MalformedMessageError as error:
            size_bytes = error.size_bytes
            self._log.error("control_malformed", child=child.incarnation, size_bytes=size_bytes)
            self.kill(child.incarnation)

    def _take(self, child: Child, message: FromChild) -> None:
        if child.incarnation in self._condemned:
            return
        if isinstance(message, Admitted) and child.role == "router":
            self._introduce(self._roster.admitted(message.incarnation))
            return
        if not isinstance(message, Ready):
            self._hooks.heard(child, message)
            return
        self._log.info("child_ready", child=child.incarnation, pid=child.pid)
        if child.role != "demo":  # whose keeper has nothing of anybody's
            self._log_pipes[child.incarnation].no_words()
        self._report(self.post_of(child), life.MemberReady(child.name))
        self._introduce(
            self._roster.ready(child.incarnation, message.public_key, message.sealing_key)
        )
        self._hooks.changed()

    def _exited(self, child: Child) -> None:
        self._readable(child)  # its last words count
        self._watch.drop(child.control.fileno())
        self._watch.drop(child.pidfd)
        post = self.post_of(child)
        post.status = child.collect()
        del self._children[child.incarnation]
        self._log_pipes.pop(child.incarnation).close()
        self._condemned.discard(child.incarnation)
        asked = post.life.state is State.STOPPING and post.status != _KILLED
        meant = asked or (post.brief and post.status == 0)
        said = self._log.info if meant else self._log.warning
        said("child_exited", child=child.incarnation, pid=child.pid, status=post.status)
        self._introduce(self._roster.gone(child.incarnation))
        self._report(post, life.MemberExited(child.name))

    def _report(self, post: Post, event: life.Event) -> None:
        for command in post.life.handle(event, now=time.monotonic()):
            self._obey(post, command)
        if post.life.wake_at is None:
            self._watch.cancel(post)
        else:
            self._watch.at(post, post.life.wake_at, lambda: self._report(post, life.TimeUp()))

    def _obey(self, post: Post, command: life.Command) -> None:
        match command:
            case life.Spawn(name):
                self._spawn(post, post.member(name))
            case life.Finish(name):
                for child in self._named(name):
                    self._finish(child)
            case life.Kill(name):
                for child in self._named(name):
                    child.signal(signal.SIGKILL)
            case life.Over():
                self._retire(post)
            case life.GiveUp():
                self._hooks.gave_up(post.name)

    def _spawn(self, post: Post, member: plan.Member) -> None:
        outfit = post.outfit(member)
        incarnation = new_incarnation(member)
        log_pipe = LogPipe(incarnation, words=True, watch=self._watch, log=self._log)
        program, environment = self._programs[member.role], self._environment
        try:
            started = log_pipe.open(lambda stderr: spawn(program, environment, stderr=stderr))
        except OSError as error:
            # No processes or no memory left, perhaps for a moment: a life that failed at once.
            self._log.error("spawn_failed", child=member.name, why=error.strerror)
            exited = life.MemberExited(member.name)
            self._watch.at((post, member), 0, lambda: self._report(post, exited))
            return
        child = Child(
            name=member.name,
            role=member.role,
            incarnation=incarnation,
            pid=started.pid,
            pidfd=started.pidfd,
            control=started.control,
            started_at=time.monotonic(),
        )
        self._children[incarnation] = child
        self._log_pipes[incarnation] = log_pipe
        self._watch.add(child.control.fileno(), lambda: self._readable(child))
        self._watch.add(child.pidfd, lambda: self._exited(child))
        self._log.info("child_started", child=child.incarnation, pid=child.pid)
        child.say(
            Configure(incarnation=child.incarnation, settings=packed(outfit.settings)),
            outfit.descriptors,
        )
        self._introduce(self._roster.spawned(child.incarnation, child.role, outfit.principal))

    def _introduce(self, commands: Iterable[plan.Command]) -> None:
        for command in commands:
            match command:
                case plan.Tell(to, message):
                    self._children[to].say(message)
                case plan.Join(one, other):
                    join(self._children[one], self._children[other], socket_pair())

    def _retire(self, post: Post) -> None:
        if post.brief:
            del self._posts[post.name]
        self._hooks.over(post.name, post.status)

    def _finish(self, child: Child) -> None:
        if child.role == "demo":
            child.signal(signal.SIGTERM)  # its keeper knows signals, not messages
        else:
            child.say(FinishMessage())

    def _named(self, name: str) -> list[Child]:
        """Return the one process of that name, or none when it could not be started."""
        return [child for child in self._children.values() if child.name == name]
