"""The live stream: topics, not HTML. A page that hears its topic fetches the fragment that it shows.

One thread a web process asks the database for changes, while there are streams, and wakes them all. Streams
are bounded; beyond the bound, and without the database, pages poll with ETag and 304. A stream ends by itself
after some minutes, so that a person who was signed out hears nothing more.

Limits: a change is heard after a quarter of a second; which ticket it was is not told.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from flask import Flask, Response, current_app, g, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from .answers import unfit
from .database import db, give_back
from .queries.markers import TOPICS, markers
from .stopping import STOP

STREAMS_MOST = 64
"""Open streams a process carries; beyond it pages poll."""

POLL_SECONDS = 0.25
AWAY_SECONDS = 2.0
STREAM_SECONDS = 300.0
BEAT_SECONDS = 15.0
STOP_SECONDS = 0.5
MOST_OF_ONE = 12
"""Streams of one session: tabs that a person may have open."""

log = logging.getLogger(__name__)


class Changes:
    """What has changed, counted by topic; streams wait on it. One a process."""

    def __init__(self, engine: Engine, most: int) -> None:
        self.engine = engine
        self.most = most
        self.versions: Counter[str] = Counter()
        self.open: Counter[str] = Counter()
        self.changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def enter(self, session_id: str) -> bool:
        """Count a further stream; False when there are too many, of all or of one session."""
        with self.changed:
            if self.open.total() >= self.most or self.open[session_id] >= MOST_OF_ONE:
                return False
            self.open[session_id] += 1
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="live", daemon=True)
                self._thread.start()
            return True

    def leave(self, session_id: str) -> None:
        """A stream is over."""
        with self.changed:
            self.open[session_id] -= 1
            if self.open[session_id] <= 0:
                del self.open[session_id]

    def stream(self, topics: list[str]) -> Iterator[str]:
        """Server-sent events: which of the topics have changed."""
        seen = {topic: self.versions[topic] for topic in topics}
        end, beat = time.monotonic() + STREAM_SECONDS, time.monotonic() + BEAT_SECONDS
        yield "retry: 1000\n\nevent: ready\ndata: \n\n"
        while not STOP.is_set() and time.monotonic() < end:
            with self.changed:
                news = self._news(seen)
                if not news:
                    self.changed.wait(STOP_SECONDS)
                    news = self._news(seen)
                seen |= {topic: self.versions[topic] for topic in news}
            if news:
                yield f"event: changed\ndata: {' '.join(news)}\n\n"
            elif time.monotonic() > beat:
                beat = time.monotonic() + BEAT_SECONDS
                yield ": alive\n\n"

    def _news(self, seen: dict[str, int]) -> list[str]:
        return [topic for topic, version in seen.items() if self.versions[topic] != version]

    def _watch(self) -> None:
        """Until there is no stream: compare the markers, wake the streams."""
        known: dict[str, tuple[object, ...]] = {}
        while not STOP.wait(POLL_SECONDS):
            with self.changed:
                if not self.open:
                    self._thread = None
                    return
            try:
                with self.engine.connect() as connection:
                    found = markers(connection)
                    connection.commit()  # by a rollback psycopg forgets what it has prepared for the pages
            except SQLAlchemyError as error:
                log.warning("no live changes: %s", type(error).__name__)
                STOP.wait(AWAY_SECONDS)
                continue
            # The first look tells every stream: something may have changed since its page was made.
            changed = [topic for topic in found if found[topic] != known.get(topic)]
            known = found
            if changed:
                with self.changed:
                    self.versions.update(changed)
                    self.changed.notify_all()


def install(app: Flask) -> None:
    """One `Changes` for the app."""
    with app.app_context():
        app.extensions["counterfoil_changes"] = Changes(db.engine, STREAMS_MOST)


def live() -> Response:
    """GET /live?topics=tickets,samples. 204 beyond the bound: the page polls."""
    topics = [topic for topic in request.args.get("topics", "").split(",") if topic]
    unknown = [topic for topic in topics if topic not in TOPICS]
    if unknown or not topics:
        complaint = f"topics={','.join(unknown)[:80]!r}: use some of {', '.join(TOPICS)}"
        return unfit("tickets/unfit.html", complaint=complaint, search=None)
    changes: Changes = current_app.extensions["counterfoil_changes"]
    give_back()  # a stream holds a thread, and no connection
    session_id: str = g.user.session_id
    if STOP.is_set() or not changes.enter(session_id):
        return Response(status=204, headers={"Retry-After": "5"})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    place = [session_id]

    def leave() -> None:
        with suppress(IndexError):
            changes.leave(place.pop())

    answer = Response(
        _until_over(changes.stream(topics), leave), mimetype="text/event-stream", headers=headers
    )
    # By the answer too: the stream of a HEAD never begins, and what never began has no end.
    answer.call_on_close(leave)
    return answer


def _until_over(stream: Iterator[str], leave: Callable[[], None]) -> Iterator[str]:
    # By the stream too: a server may drop an answer without closing it when the browser is gone.
    try:
        yield from stream
    finally:
        leave()
