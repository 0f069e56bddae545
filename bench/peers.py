"""The peers: RQ's two workers at their best: the application is imported before the fork, nothing is logged.

Without the import each of the forking worker's jobs would import SQLAlchemy: 2 a second instead of 40.
"""

from rq import Queue

from .rig import Rig

RQ = {"SimpleWorker": "rq.SimpleWorker", "forking Worker": "rq.Worker"}


def command(worker: str, *more: str) -> list[str]:
    """An RQ worker of the queue `bench`."""
    start = "import bench.application; from rq.cli import main; main()"
    return ["-c", start, "worker", "--quiet", "-w", RQ[worker], *more, "bench"]


def queue(where: Rig) -> Queue:
    """The peers' queue."""
    return Queue("bench", connection=where.redis)


def enqueue(where: Rig, function: str, n: int) -> None:
    """Put n jobs at one stroke."""
    data = [Queue.prepare_data(f"bench.application.{function}", result_ttl=0) for _ in range(n)]
    with where.redis.pipeline() as pipeline:
        queue(where).enqueue_many(data, pipeline=pipeline)
        pipeline.execute()
