"""What people and deploys did, to be marked on a chart: pauses, routes, pool sizes, operations, versions."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text

from counterfoil.tables import TrailEntry, Version

MOST = 30
VERBS = ("pause", "resume", "route", "pool-size", "start operation")


@dataclass(frozen=True)
class Mark:
    """One instant. `verb` is one of VERBS, or "version": the subject's first appearance."""

    at: datetime
    verb: str
    subject: str
    operation_id: int | None = None


def marks(connection: Connection, since: datetime) -> list[Mark]:
    """The newest, oldest of them first. Index: counterfoil_trail_house."""
    query = select(TrailEntry.at, TrailEntry.verb, TrailEntry.subject, TrailEntry.operation_id).where(
        text("counterfoil_trail.ticket_id IS NULL"), TrailEntry.at >= since, TrailEntry.verb.in_(VERBS)
    )
    acts = connection.execute(query.order_by(TrailEntry.at.desc()).limit(MOST)).all()
    versions = connection.execute(
        select(Version.first_seen_at, Version.app_version)
        .where(Version.first_seen_at >= since)
        .order_by(Version.first_seen_at.desc())
        .limit(MOST)
    ).all()
    found = [Mark(row.at, row.verb, row.subject or "", row.operation_id) for row in acts]
    found += [Mark(row.first_seen_at, "version", row.app_version) for row in versions]
    return sorted(found, key=lambda mark: mark.at)[-MOST:]
