"""The scheduler's loop: a beat, the leader row, one duty after the other; the waker beside it.

A database that is away is tried again with back-off, and logged once; so is Redis (`rings`). TERM ends the
loop after the duty that is under way and gives the leader row up, so that another scheduler acts at once.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from counterfoil.settings import Settings

from ..stop import Stop
from .duty import Away, Beat, Book, Duty
from .leader import Leadership, Term
from .listener import Listener
from .process import ProcessRow
from .rings import Rings
from .watch import Watch

log = logging.getLogger("counterfoil.scheduler")

TERM_SECONDS = 10.0
SEEN_SECONDS = 30.0
FOLLOWER_WRITES_SECONDS = 5.0
LONGEST_BACK_OFF_SECONDS = 5.0
RENEWAL_SECONDS = 2.0  # how long a renewal may wait for a lock before the beat is given up


class Scheduler:
    """One scheduler: `duties` act in order at each beat, `waker` and `listener` in threads of their own."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        stop: Stop,
        duties: Sequence[Duty],
        waker: Duty | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.stop = stop
        self.duties = duties
        self.waker = waker
        self.listener = listener
        beside = [duty for duty in (waker, listener) if duty]
        self.books = {duty.word: Book() for duty in (*self.duties, *beside)}
        self.row = ProcessRow(settings.app_version, SEEN_SECONDS)
        self.leadership = Leadership(self.row.name, max(TERM_SECONDS, 5 * settings.beat_seconds))
        self.rings = Rings(settings.redis_url, stop)
        self.beat_seconds = settings.beat_seconds
        self.beat = Beat(engine, settings, self.rings, Watch(settings.lapse_watch_seconds))
        self.term: Term | None = None
        self._next_at: dict[str, float] = {}
        self._wrote_row_at = -1e9
        self._away_since: float | None = None
        self._back_off = 0.5

    def run(self) -> None:
        """Beats until told to stop, then says good-bye."""
        log.info("scheduler %s started", self.row.name)
        threads = [*self._start_beside()]
        while not self.stop.asked:
            started = time.monotonic()
            pause = self.one_beat()
            self.stop.sleep(max(0.0, pause - (time.monotonic() - started)))
        for thread in threads:
            thread.join(3)
        self._good_bye()
        log.info("scheduler %s stopped", self.row.name)

    def one_beat(self) -> float:
        """Renews, acts if it leads, writes its row; seconds until the next beat."""
        try:
            self._renew()
            if self.term is not None:
                for duty in self.duties:
                    self._do(duty)
            self.rings.look()
            self._write_row()
        except (OperationalError, InterfaceError) as error:
            return self._is_away(error)
        self._is_back()
        return self.beat_seconds

    def _renew(self) -> None:
        led = self.term
        with self.beat.transaction(RENEWAL_SECONDS) as connection:
            self.term = self.leadership.hold(connection)
        if self.term is None:
            self.beat.watch.interrupted()
        else:
            self.beat.watch.wrote(time.monotonic())
            self.beat.renewed_at, self.beat.renewed_monotonic = self.term.renewed_at, time.monotonic()
        if (led and led.number) != (self.term and self.term.number):
            now = f"leads (term {self.term.number})" if self.term else "follows: another one leads"
            log.info("this scheduler %s", now)

    def _do(self, duty: Duty) -> None:
        started = time.monotonic()
        if self.stop.asked or started < self._next_at.get(duty.word, 0.0):
            return
        self._next_at[duty.word] = started + duty.every_seconds
        book = self.books[duty.word]
        try:
            count = duty.act(self.beat)
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            book.record_error(duty.word, error, self.beat.database_now())
        else:
            book.record(count, time.monotonic() - started, self.beat.database_now())
        if time.monotonic() - started > self.leadership.term_seconds / 3:
            self._renew()

    def _write_row(self) -> None:
        now = time.monotonic()
        if now - self._wrote_row_at < (0.9 if self.term else FOLLOWER_WRITES_SECONDS):
            return
        duties = {word: book.as_json() for word, book in self.books.items()} if self.term else {}
        with self.beat.transaction() as connection:
            self.row.write(connection, duties, self.rings.as_json())
        self._wrote_row_at = now

    def _is_away(self, error: Exception) -> float:
        self.beat.watch.interrupted()
        if self._away_since is None:
            self._away_since = time.monotonic()
            told = str(getattr(error, "orig", error)).strip().splitlines()[0]
            log.warning("the database does not take our writes (%s): trying on", told)
        self._back_off = min(self._back_off * 2, LONGEST_BACK_OFF_SECONDS)
        return self._back_off

    def _is_back(self) -> None:
        if self._away_since is not None:
            log.warning("the database is back after %.0f s", time.monotonic() - self._away_since)
        self._away_since, self._back_off = None, 0.5

    def _start_beside(self) -> Iterator[threading.Thread]:
        for duty, run in ((self.waker, self._wake), (self.listener, self._listen)):
            if duty is not None:
                thread = threading.Thread(target=run, name=duty.word, daemon=True)
                thread.start()
                yield thread

    def _wake(self) -> None:
        assert self.waker
        self._beside(self.waker, lambda: self.term is not None and self._away_since is None)

    def _listen(self) -> None:
        assert self.listener
        try:
            self._beside(self.listener, lambda: True)
        finally:
            self.listener.close()

    def _beside(self, duty: Duty, may_act: Callable[[], bool]) -> None:
        book = self.books[duty.word]
        while not self.stop.asked:
            if not may_act():
                self.stop.sleep(0.2)
                continue
            started = time.monotonic()
            try:
                count = duty.act(self.beat)
            except Away as away:
                book.record_away(away, self.beat.database_now())
                self.stop.sleep(away.seconds)
            except Exception as error:
                book.record_error(duty.word, error, self.beat.database_now())
                self.stop.sleep(self.beat_seconds)
            else:
                book.record(count, time.monotonic() - started, self.beat.database_now())

    def _good_bye(self) -> None:
        try:
            with self.beat.transaction(RENEWAL_SECONDS) as connection:
                self.leadership.release(connection)
                self.row.remove(connection)
        except DBAPIError:
            log.warning("the database did not hear the good-bye: the term ends by itself")
        self.rings.close()
