"""For probes: is the process alive, can it do its work."""

from typing import Any

from flask import current_app, jsonify
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from counterfoil.clock import moment
from counterfoil.tables import Leader

from ..database import db
from ..redis_reach import redis_answers

PATIENCE_SECONDS = 1.0


def healthz() -> Response:
    """This process answers."""
    return jsonify(status="ok")


def readyz() -> Response:
    """200 when database, Redis and a scheduler's beat are there, else 503; no details: it is public."""
    parts = {"database": _database(), "redis": _redis(), "beat": _beat()}
    ready = all(state in ("ok", "not configured") for state in parts.values())
    answer = jsonify(status="ok" if ready else "not ready", **parts)
    answer.status_code = 200 if ready else 503
    return answer


def _database() -> str:
    try:
        db.session.execute(select(1))
    except SQLAlchemyError:
        db.session.rollback()
        return "away"
    return "ok"


def _redis() -> str:
    answers = redis_answers(current_app.config["COUNTERFOIL"].redis_url, PATIENCE_SECONDS)
    return {True: "ok", False: "away", None: "not configured"}[answers]


def _beat() -> str:
    alive: Any = select(Leader.name).where(Leader.until > moment()).limit(1)
    try:
        found = db.session.execute(alive).first()
    except SQLAlchemyError:
        db.session.rollback()
        return "unknown"
    return "ok" if found else "no scheduler"
