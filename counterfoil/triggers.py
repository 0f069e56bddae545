"""The triggers that belong to the tables, per dialect.

A row inserted by plain SQL with only `view_model` (and `root_id`) is a full ticket: the trigger fills what is
null from the view model's record and decides the turn. `turn` null means "decide", at insert and whenever a
move sets it null again (a root was saved, a view model became known, a held ticket is released).

The migrations hold a copy frozen at their revision; a test compares the two catalogues.
"""

from typing import Any

from sqlalchemy import Connection, MetaData, event, text

from . import param_triggers, text_index
from .base import Base
from .clock import SQLITE_NOW

TRAIL_DAYS = 400

POSTGRESQL = (
    """
CREATE OR REPLACE FUNCTION counterfoil_decide() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  known counterfoil_view_models%ROWTYPE;
  due timestamptz;
BEGIN
  SELECT * INTO known FROM counterfoil_view_models WHERE name = NEW.view_model;
  IF FOUND THEN
    NEW.queue := coalesce(NEW.queue, known.route, known.queue);
    NEW.priority := coalesce(NEW.priority, known.priority);
    NEW.max_attempts := coalesce(NEW.max_attempts, known.max_attempts);
    NEW.keep_receipt_minutes := coalesce(NEW.keep_receipt_minutes, known.keep_receipt_minutes);
    NEW.in_charge := coalesce(NEW.in_charge, known.in_charge);
    IF NEW.lane IS NULL AND known.lane IS NOT NULL THEN
      NEW.lane := replace(known.lane, '{root_id}', coalesce(NEW.root_id, ''));
    END IF;
  END IF;
  IF NEW.state <> 'pending' THEN
    NEW.turn := false; NEW.aside := NULL; NEW.aside_since := NULL;
  ELSIF known.name IS NULL THEN
    NEW.turn := false; NEW.aside := 'unknown';
    NEW.aside_since := coalesce(NEW.aside_since, clock_timestamp());
  ELSIF known.paused THEN
    NEW.turn := false; NEW.aside := 'paused';
    NEW.aside_since := coalesce(NEW.aside_since, clock_timestamp());
  ELSE
    NEW.aside := NULL; NEW.aside_since := NULL;
    IF NEW.lane IS NULL OR current_setting('transaction_isolation') = 'serializable' THEN
      NEW.turn := true;
    ELSE
      due := coalesce(NEW.retry_at, NEW.execute_earliest, NEW.opened_at);
      NEW.turn := NOT EXISTS (
          SELECT 1 FROM counterfoil_tickets r
          WHERE r.state = 'running' AND r.lane IS NOT NULL AND r.lane = NEW.lane
        ) AND NOT EXISTS (
          SELECT 1 FROM counterfoil_tickets h WHERE h.state = 'pending' AND h.turn AND h.lane IS NOT NULL
            AND h.lane = NEW.lane AND h.queue = NEW.queue AND h.priority <= NEW.priority AND h.due_at <= due
            AND h.id <> NEW.id);
    END IF;
  END IF;
  IF TG_OP = 'INSERT' AND NEW.opened_via = 'sql' AND NEW.turn THEN
    PERFORM pg_notify('counterfoil', NEW.queue);
  END IF;
  RETURN NEW;
END $$
""",
    """
CREATE TRIGGER counterfoil_tickets_decide BEFORE INSERT OR UPDATE OF turn ON counterfoil_tickets
FOR EACH ROW WHEN (NEW.turn IS NULL) EXECUTE FUNCTION counterfoil_decide()
""",
    f"""
CREATE OR REPLACE FUNCTION counterfoil_trail_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '{TRAIL_DAYS} days' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'counterfoil_trail is append-only: % refused', TG_OP;
END $$
""",
    """
CREATE TRIGGER counterfoil_trail_append_only BEFORE UPDATE OR DELETE ON counterfoil_trail
FOR EACH ROW EXECUTE FUNCTION counterfoil_trail_guard()
""",
)

_KNOWN = "(SELECT {what} FROM counterfoil_view_models k WHERE k.name = NEW.view_model)"
_FILL = ", ".join(
    f"{column} = coalesce({column}, {_KNOWN.format(what=what)})"
    for column, what in (
        ("queue", "coalesce(k.route, k.queue)"),
        ("priority", "k.priority"),
        ("max_attempts", "k.max_attempts"),
        ("keep_receipt_minutes", "k.keep_receipt_minutes"),
        ("in_charge", "k.in_charge"),
        ("lane", "replace(k.lane, '{root_id}', coalesce(NEW.root_id, ''))"),
    )
)
_CAUSE = (
    f"CASE WHEN state <> 'pending' THEN NULL WHEN {_KNOWN.format(what='1')} IS NULL THEN 'unknown' "
    f"WHEN {_KNOWN.format(what='k.paused')} THEN 'paused' END"
)
_SQLITE_BODY = f"""
BEGIN
  UPDATE counterfoil_tickets SET {_FILL}, aside = {_CAUSE} WHERE id = NEW.id;
  UPDATE counterfoil_tickets SET
    aside_since = CASE WHEN aside IS NULL THEN NULL ELSE coalesce(aside_since, {SQLITE_NOW}) END,
    turn = CASE
      WHEN state <> 'pending' OR aside IS NOT NULL THEN 0
      WHEN lane IS NULL THEN 1
      ELSE NOT EXISTS (
          SELECT 1 FROM counterfoil_tickets r WHERE r.state = 'running' AND r.lane IS NOT NULL
            AND r.lane = counterfoil_tickets.lane
        ) AND NOT EXISTS (
          SELECT 1 FROM counterfoil_tickets h WHERE h.state = 'pending' AND h.turn AND h.lane IS NOT NULL
            AND h.lane = counterfoil_tickets.lane AND h.queue = counterfoil_tickets.queue
            AND h.priority <= counterfoil_tickets.priority AND h.due_at <= counterfoil_tickets.due_at
            AND h.id <> counterfoil_tickets.id)
      END
  WHERE id = NEW.id;
END
"""

SQLITE = (
    f"CREATE TRIGGER counterfoil_tickets_decide_insert AFTER INSERT ON counterfoil_tickets "
    f"WHEN NEW.turn IS NULL {_SQLITE_BODY}",
    f"CREATE TRIGGER counterfoil_tickets_decide_update AFTER UPDATE OF turn ON counterfoil_tickets "
    f"WHEN NEW.turn IS NULL {_SQLITE_BODY}",
    "CREATE TRIGGER counterfoil_trail_no_update BEFORE UPDATE ON counterfoil_trail "
    "BEGIN SELECT RAISE(ABORT, 'counterfoil_trail is append-only: UPDATE refused'); END",
    "CREATE TRIGGER counterfoil_trail_no_delete BEFORE DELETE ON counterfoil_trail "
    f"WHEN OLD.at > strftime('%Y-%m-%d %H:%M:%f','now','-{TRAIL_DAYS} days')||'000' "
    "BEGIN SELECT RAISE(ABORT, 'counterfoil_trail is append-only: DELETE refused'); END",
)

TRIGGERS = {
    "postgresql": (*POSTGRESQL, *param_triggers.POSTGRESQL),
    "sqlite": (*SQLITE, *param_triggers.SQLITE, *text_index.SQLITE),
}


@event.listens_for(Base.metadata, "before_create")
def _create_extension(target: MetaData, connection: Connection, **kw: Any) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))


@event.listens_for(Base.metadata, "after_create")
def _create_triggers(target: MetaData, connection: Connection, **kw: Any) -> None:
    for statement in TRIGGERS[connection.dialect.name]:
        connection.execute(text(statement))  # doubles % where the driver wants it
