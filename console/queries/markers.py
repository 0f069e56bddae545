"""Whether anything has changed: one cheap statement, each part of it answered by the end of an index."""

from sqlalchemy import Connection, text

_TICKETS = """
SELECT (SELECT max(id) FROM counterfoil_tickets),
  (SELECT max(done) FROM counterfoil_tickets WHERE state = 'done' AND done IS NOT NULL),
  (SELECT max(done) FROM counterfoil_tickets WHERE state = 'errored' AND done IS NOT NULL),
  (SELECT max(done) FROM counterfoil_tickets WHERE state = 'expired' AND done IS NOT NULL),
  (SELECT max(done) FROM counterfoil_tickets WHERE state = 'failed' AND done IS NOT NULL),
  (SELECT max(id) FROM counterfoil_attempts), (SELECT max(id) FROM counterfoil_trail),
  (SELECT max(id) FROM counterfoil_logs),
  (SELECT sum(id + claims) FROM counterfoil_tickets WHERE state = 'running'),
  (SELECT sum(progress_done) FROM counterfoil_drains)
"""
_OPERATIONS = """
SELECT max(id), (SELECT max(ended_at) FROM counterfoil_operations), (SELECT sum(changed + skipped + failed)
  FROM counterfoil_operations WHERE state IN ('asked','previewed','started','stopping')),
  (SELECT count(*) FROM counterfoil_operations WHERE state IN ('previewed','started','stopping')),
  (SELECT count(*) FROM counterfoil_operations WHERE state IN ('started','stopping'))
FROM counterfoil_operations
"""
_SAMPLES = "SELECT max(id) FROM counterfoil_samples"

TOPICS = {"tickets": text(_TICKETS), "operations": text(_OPERATIONS), "samples": text(_SAMPLES)}


def markers(connection: Connection) -> dict[str, tuple[object, ...]]:
    """For each topic a value that differs when something of it has changed."""
    return {topic: tuple(connection.execute(query).one()) for topic, query in TOPICS.items()}
