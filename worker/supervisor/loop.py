"""The supervisor's loop: one thread that waits for output, deaths and signals."""

import os
import select
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from .child import CONFIGURATION, Child, Plan, reason
from .output import Output
from .restarts import GIVE_UP_AFTER
from .stopping import Stopping

TICK_SECONDS = 0.1
IDLE_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Loop:
    """Runs children until told to stop, or until one cannot be kept alive.

    A first TERM, INT or HUP stops cleanly: TERM to all but the last ones, after `grace_seconds` KILL; a
    second one is KILL at once. It cannot see a child that lives and does nothing.
    """

    def __init__(self, plans: list[Plan], output: Output, grace_seconds: float) -> None:
        self.children = {plan.name: Child(plan) for plan in plans}
        self.output = output
        self.grace_seconds = grace_seconds
        self.code = 0
        self._signals = 0
        self.stopping: Stopping | None = None
        self._selector = selectors.DefaultSelector()
        self._when_ready: dict[frozenset[str], Callable[[], None]] = {}

    def when_ready(self, names: set[str], call: Callable[[], None]) -> None:
        """Call once, when all of these are ready at the same time."""
        self._when_ready[frozenset(names)] = call

    def run(self) -> int:
        """Until all children are gone. The exit code: 0 when it was told to stop, 1 when it gave up."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        handlers = {number: signal.signal(number, self._told) for number in STOP_SIGNALS}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wake = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._selector.register(ours, selectors.EVENT_READ)
        try:
            while self._step():
                for key, _ in self._selector.select(self._timeout()):
                    if key.fileobj is ours:
                        with suppress(BlockingIOError):
                            ours.recv(4096)
                    else:
                        self._read(key.data)
        finally:
            self._kill_all()
            signal.set_wakeup_fd(wake)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._selector.close()
            ours.close()
            theirs.close()
        return self.code

    def _told(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _step(self) -> bool:
        self._reap()
        if self._signals and self.stopping is None:
            self._stop("stopping")
        if self.stopping is not None:
            return self.stopping.go_on(self._signals)
        now = time.monotonic()
        for child in self.children.values():
            if child.running and not child.is_ready and child.plan.ready:
                child.is_ready = child.plan.ready()
            elif self._may_start(child, now):
                self._start(child)
        self._announce()
        return True

    def _may_start(self, child: Child, now: float) -> bool:
        due = child.start_at is not None and child.start_at <= now
        return due and not child.running and all(self.children[name].is_ready for name in child.plan.after)

    def _start(self, child: Child) -> None:
        try:
            descriptor = child.start()
        except OSError as error:
            self._after_death(child, f"cannot be started ({error})")
            return
        self._selector.register(descriptor, selectors.EVENT_READ, child)

    def _announce(self) -> None:
        for names, call in [*self._when_ready.items()]:
            if all(self.children[name].is_ready for name in names):
                del self._when_ready[names]
                call()

    def _timeout(self) -> float:
        waiting = any(
            child.start_at is not None or (child.running and not child.is_ready)
            for child in self.children.values()
        )
        return TICK_SECONDS if waiting or self.stopping is not None else IDLE_SECONDS

    def _read(self, child: Child) -> None:
        descriptor = child.descriptor
        if descriptor is None:
            return
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        if not data:  # it closed its output, and may live on
            self._selector.unregister(descriptor)
            child.descriptor = None
        self._show(child, child.lines.feed(data))

    def _reap(self) -> None:
        for child in self.children.values():
            if not child.has_ended():
                continue
            while child.descriptor is not None and self._more(child):
                pass
            if child.descriptor is not None:
                self._selector.unregister(child.descriptor)
            self._show(child, child.lines.end())
            code = child.reap()
            if self.stopping is None and not (code == 0 and child.plan.once):
                self._after_death(child, reason(code), code)

    def _more(self, child: Child) -> bool:
        assert child.descriptor is not None
        readable, _, _ = select.select([child.descriptor], [], [], 0)
        if readable:
            self._read(child)
        return bool(readable)

    def _show(self, child: Child, lines: list[str]) -> None:
        if child.plan.quiet:
            child.unsaid.extend(lines)
            return
        for line in lines:
            self.output.line(child.name, line)

    def _after_death(self, child: Child, why: str, code: int | None = None) -> None:
        for line in child.unsaid:
            self.output.line(child.name, line)
        child.unsaid.clear()
        now = time.monotonic()
        delay = child.restarts.after_death(now)
        if code == CONFIGURATION:
            self._give_up(f"{child.name} {why}, which starting again does not mend; its lines are above")
        elif delay is None:
            self._give_up(
                f"{child.name} {why}, the {GIVE_UP_AFTER}th time within a minute; its lines are above"
            )
        else:
            child.start_at = now + delay
            told = (
                f"{child.name} {why}; starting it again in {delay:g} s (death {child.restarts.recent(now)})"
            )
            self.output.say(told, warning=True)

    def _give_up(self, why: str) -> None:
        self.output.say(f"giving up: {why}", warning=True)
        self.code = 1
        self._stop("stopping the others")

    def _stop(self, told: str) -> None:
        self.output.say(f"{told} (at most {self.grace_seconds:g} s; a second signal ends it at once)")
        self.stopping = Stopping(self.children.values(), self.output, self.grace_seconds, self._signals)

    def _kill_all(self) -> None:
        for child in self.children.values():
            child.signal(signal.SIGKILL)
        for child in self.children.values():
            if child.running:
                child.reap()
