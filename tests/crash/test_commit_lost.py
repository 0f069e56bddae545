"""F11: the reply to the finishing COMMIT is lost, or the COMMIT itself; the row tells which it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tests.crash.cutter import Cutter
from tests.crash.stage import PATIENCE_SECONDS, Stage


@pytest.fixture
def stage(postgresql_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    engine = create_engine(postgresql_url)
    made = Stage(postgresql_url, engine, redis_url, tmp_path)
    yield made
    made.close()
    engine.dispose()


def test_a_commit_or_its_reply_is_lost_and_the_work_counts_once(stage: Stage) -> None:
    with Cutter(stage.url) as cutter:
        # The application's own connection only: it is the one that commits the work.
        worker = stage.worker(settings={"CRASH_DATABASE_URL": cutter.url_of(stage.url)})

        answered = stage.open(what="wait")
        behind = stage.open()  # claimed in the same commit
        stage.marked(f"started {answered} 1")
        cutter.lose_next("its reply")
        stage.let_go()
        row = stage.reached(answered, "done")
        assert cutter.cut.wait(PATIENCE_SECONDS)
        assert (row.attempts, row.claims, row.postponed_count) == (1, 1, 0), stage.story(answered)
        assert stage.reached(behind, "done").attempts == 1

        cutter.cut.clear()
        unheard = stage.open(what="wait")
        stage.marked(f"started {unheard} 1")
        cutter.lose_next("the commit")
        stage.let_go()
        assert cutter.cut.wait(PATIENCE_SECONDS)
        stage.let_go()  # for its second turn
        row = stage.reached(unheard, "done")
        assert (row.attempts, row.claims, row.postponed_count) == (1, 2, 1), stage.story(unheard)
        assert worker.stop() == 0
    stage.check()
