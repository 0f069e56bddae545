"""The first schema: the ticket, its history, who runs, what is known, who may, and the triggers.

`due_at` and the three columns it is generated from are here from the start: SQLite cannot add a stored
column later, PostgreSQL refuses to change their types.
"""

import sqlalchemy as sa
from alembic import op

from counterfoil.clock import random_token, stamp
from counterfoil.columns import BigId, Json, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counterfoil_attempts",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("ticket_id", BigId, nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("duration_ms", BigId, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_kind", sa.String(length=16), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("traceback_id", sa.String(length=64), nullable=True),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.Column("app_version", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_attempts_pkey")),
    )
    op.create_index(
        "counterfoil_attempts_ticket", "counterfoil_attempts", ["ticket_id", "claim"], unique=False
    )
    op.create_table(
        "counterfoil_drains",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("queue", sa.String(length=100), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=True),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.Column("started_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("renewed_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.Column("ticket_id", BigId, nullable=True),
        sa.Column("progress_done", sa.Integer(), nullable=True),
        sa.Column("progress_total", sa.Integer(), nullable=True),
        sa.Column("progress_text", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_drains_pkey")),
    )
    op.create_index("counterfoil_drains_until", "counterfoil_drains", ["until"], unique=False)
    op.create_table(
        "counterfoil_leader",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=True),
        sa.Column("term", BigId, server_default="0", nullable=False),
        sa.Column("until", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("counterfoil_leader_pkey")),
    )
    op.create_table(
        "counterfoil_logs",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("ticket_id", BigId, nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_logs_pkey")),
    )
    op.create_index("counterfoil_logs_ticket", "counterfoil_logs", ["ticket_id", "id"], unique=False)
    op.create_table(
        "counterfoil_operations",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("submit_token", sa.String(length=64), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("query", sa.Text(), nullable=True),
        sa.Column("ids", Json, nullable=True),
        sa.Column("arguments", Json, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), server_default="asked", nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("asked_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("previewed_at", Utc(), nullable=True),
        sa.Column("started_by", sa.String(length=200), nullable=True),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("frozen_through", sa.Text(), nullable=True),
        sa.Column("matched", sa.Integer(), server_default="0", nullable=False),
        sa.Column("by_state", Json, nullable=True),
        sa.Column("skipped_at_preview", Json, nullable=True),
        sa.Column("changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "state IN ('asked','previewed','started','stopping','stopped','done','refused')",
            name=op.f("counterfoil_operations_state_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_operations_pkey")),
        sa.UniqueConstraint("submit_token", name=op.f("counterfoil_operations_submit_token_key")),
    )
    op.create_index("counterfoil_operations_open", "counterfoil_operations", ["state", "id"], unique=False)
    op.create_table(
        "counterfoil_queues",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("pool_size", sa.SmallInteger(), nullable=True),
        sa.Column("target_wait_seconds", sa.Integer(), server_default="60", nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paused_by", sa.String(length=200), nullable=True),
        sa.Column("paused_at", Utc(), nullable=True),
        sa.Column("paused_until", Utc(), nullable=True),
        sa.Column("paused_reason", sa.Text(), nullable=True),
        sa.Column("created_at", Utc(), server_default=stamp(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("counterfoil_queues_pkey")),
    )
    op.create_table(
        "counterfoil_root_classes",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_columns", Json, nullable=True),
        sa.Column("former_names", Json, nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("first_seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("counterfoil_root_classes_pkey")),
    )
    op.create_table(
        "counterfoil_samples",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("cost_ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("queues", Json, nullable=False),
        sa.Column("rates", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_samples_pkey")),
    )
    op.create_index("counterfoil_samples_at", "counterfoil_samples", ["at"], unique=False)
    op.create_table(
        "counterfoil_slots",
        sa.Column("queue", sa.String(length=100), nullable=False),
        sa.Column("n", sa.SmallInteger(), nullable=False),
        sa.Column("drain_id", sa.String(length=32), nullable=True),
        sa.Column("until", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("queue", "n", name=op.f("counterfoil_slots_pkey")),
    )
    op.create_table(
        "counterfoil_tickets",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("token", sa.String(length=64), server_default=random_token(), nullable=False),
        sa.Column("kind", sa.String(length=50), server_default="ticket", nullable=False),
        sa.Column("view_model", sa.String(length=200), nullable=False),
        sa.Column("root_id", sa.String(length=400), nullable=True),
        sa.Column("root_label", sa.String(length=200), nullable=True),
        sa.Column("params", Json, nullable=True),
        sa.Column("encryptor", sa.String(length=50), nullable=True),
        sa.Column("key_id", sa.String(length=100), nullable=True),
        sa.Column("queue", sa.String(length=100), server_default=None, nullable=True),
        sa.Column("priority", sa.SmallInteger(), server_default=None, nullable=True),
        sa.Column("lane", sa.String(length=400), server_default=None, nullable=True),
        sa.Column("state", sa.String(length=8), server_default="pending", nullable=False),
        sa.Column("turn", sa.Boolean(), server_default=None, nullable=True),
        sa.Column("aside", sa.String(length=16), server_default=None, nullable=True),
        sa.Column("aside_since", Utc(), server_default=None, nullable=True),
        sa.Column("execute_earliest", Utc(), nullable=True),
        sa.Column("retry_at", Utc(), nullable=True),
        sa.Column("opened_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column(
            "due_at",
            Utc(),
            sa.Computed("coalesce(retry_at, execute_earliest, opened_at)", persisted=True),
            nullable=False,
        ),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("keep_receipt_minutes", sa.Integer(), server_default=None, nullable=True),
        sa.Column("kept", Utc(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.SmallInteger(), server_default=None, nullable=True),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("run", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trouble", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("fence", sa.String(length=32), nullable=True),
        sa.Column("drain_id", sa.String(length=32), nullable=True),
        sa.Column("kill_at", Utc(), nullable=True),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("done", Utc(), nullable=True),
        sa.Column("delete_time", Utc(), nullable=True),
        sa.Column("duration_ms", BigId, nullable=True),
        sa.Column("moves", sa.Integer(), server_default="0", nullable=False),
        sa.Column("moved_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_kind", sa.String(length=16), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("receipt", Json, nullable=True),
        sa.Column("postponed_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("postponed_reason", sa.Text(), nullable=True),
        sa.Column("first_postponed_at", Utc(), nullable=True),
        sa.Column("progress", Json, nullable=True),
        sa.Column("idempotence_token", sa.String(length=200), nullable=True),
        sa.Column("guard_key", sa.String(length=400), nullable=True),
        sa.Column("batch_id", BigId, nullable=True),
        sa.Column("parent_id", BigId, nullable=True),
        sa.Column("opened_by", sa.String(length=200), nullable=True),
        sa.Column("opened_via", sa.String(length=16), server_default="sql", nullable=False),
        sa.Column("in_charge", sa.String(length=200), nullable=True),
        sa.Column("acknowledged_at", Utc(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') <= (fence IS NOT NULL)", name=op.f("counterfoil_tickets_fence_check")
        ),
        sa.CheckConstraint(
            "state IN ('held','pending','running','done','errored','expired','failed')",
            name=op.f("counterfoil_tickets_state_check"),
        ),
        sa.CheckConstraint(
            "keep_receipt_minutes >= 0", name=op.f("counterfoil_tickets_keep_receipt_minutes_check")
        ),
        sa.CheckConstraint("max_attempts >= 1", name=op.f("counterfoil_tickets_max_attempts_check")),
        sa.CheckConstraint("priority IN (1,3,5,7,9)", name=op.f("counterfoil_tickets_priority_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_tickets_pkey")),
        sa.UniqueConstraint("token", name=op.f("counterfoil_tickets_token_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "counterfoil_tickets_aside",
        "counterfoil_tickets",
        ["aside", "view_model", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "counterfoil_tickets_batch",
        "counterfoil_tickets",
        ["batch_id", "state"],
        unique=False,
        postgresql_where=sa.text("batch_id IS NOT NULL"),
        sqlite_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        "counterfoil_tickets_claim",
        "counterfoil_tickets",
        ["queue", "priority", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND turn"),
        sqlite_where=sa.text("state = 'pending' AND turn"),
    )
    op.create_index(
        "counterfoil_tickets_deadline",
        "counterfoil_tickets",
        ["expires_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('held','pending') AND expires_at IS NOT NULL"),
        sqlite_where=sa.text("state IN ('held','pending') AND expires_at IS NOT NULL"),
    )
    op.create_index(
        "counterfoil_tickets_final",
        "counterfoil_tickets",
        ["state", "done", "id"],
        unique=False,
        postgresql_where=sa.text("done IS NOT NULL"),
        sqlite_where=sa.text("done IS NOT NULL"),
    )
    op.create_index(
        "counterfoil_tickets_fingerprint",
        "counterfoil_tickets",
        ["fingerprint", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'errored'"),
        sqlite_where=sa.text("state = 'errored'"),
    )
    op.create_index(
        "counterfoil_tickets_held",
        "counterfoil_tickets",
        ["opened_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'held'"),
        sqlite_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "counterfoil_tickets_idempotence",
        "counterfoil_tickets",
        ["view_model", "idempotence_token"],
        unique=True,
        postgresql_where=sa.text("idempotence_token IS NOT NULL AND state <> 'expired'"),
        sqlite_where=sa.text("idempotence_token IS NOT NULL AND state <> 'expired'"),
    )
    op.create_index(
        "counterfoil_tickets_lane",
        "counterfoil_tickets",
        ["lane"],
        unique=True,
        postgresql_where=sa.text("state = 'running' AND lane IS NOT NULL"),
        sqlite_where=sa.text("state = 'running' AND lane IS NOT NULL"),
    )
    op.create_index(
        "counterfoil_tickets_leaving",
        "counterfoil_tickets",
        ["delete_time", "id"],
        unique=False,
        postgresql_where=sa.text("done IS NOT NULL AND (trouble OR state <> 'done')"),
        sqlite_where=sa.text("done IS NOT NULL AND (trouble OR state <> 'done')"),
    )
    op.create_index(
        "counterfoil_tickets_pending",
        "counterfoil_tickets",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state || '' = 'pending'"),
        sqlite_where=sa.text("state || '' = 'pending'"),
    )
    op.create_index(
        "counterfoil_tickets_purge",
        "counterfoil_tickets",
        ["delete_time", "id"],
        unique=False,
        postgresql_where=sa.text("done IS NOT NULL AND kept IS NULL"),
        sqlite_where=sa.text("done IS NOT NULL AND kept IS NULL"),
    )
    op.create_index(
        "counterfoil_tickets_kept",
        "counterfoil_tickets",
        ["kept", "id"],
        unique=False,
        postgresql_where=sa.text("done IS NOT NULL AND kept IS NOT NULL"),
        sqlite_where=sa.text("done IS NOT NULL AND kept IS NOT NULL"),
    )
    op.create_index(
        "counterfoil_tickets_retrying",
        "counterfoil_tickets",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND claims > 0"),
        sqlite_where=sa.text("state = 'pending' AND claims > 0"),
    )
    op.create_index("counterfoil_tickets_root", "counterfoil_tickets", ["root_id", "id"], unique=False)
    op.create_index(
        "counterfoil_tickets_running",
        "counterfoil_tickets",
        ["drain_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "counterfoil_tickets_turn",
        "counterfoil_tickets",
        ["lane", "queue", "priority", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND turn AND lane IS NOT NULL"),
        sqlite_where=sa.text("state = 'pending' AND turn AND lane IS NOT NULL"),
    )
    op.create_index(
        "counterfoil_tickets_view_model", "counterfoil_tickets", ["view_model", "state", "id"], unique=False
    )
    op.create_index(
        "counterfoil_tickets_wait",
        "counterfoil_tickets",
        ["lane", "queue", "priority", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND NOT turn AND aside IS NULL AND lane IS NOT NULL"),
        sqlite_where=sa.text("state = 'pending' AND NOT turn AND aside IS NULL AND lane IS NOT NULL"),
    )
    op.create_table(
        "counterfoil_tracebacks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_tracebacks_pkey")),
    )
    op.create_table(
        "counterfoil_users",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), server_default="viewer", nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("off", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("preferences", Json, nullable=True),
        sa.Column("created_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("signed_in_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "role IN ('viewer','operator','admin')", name=op.f("counterfoil_users_role_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_users_pkey")),
        sa.UniqueConstraint("name", name=op.f("counterfoil_users_name_key")),
    )
    op.create_table(
        "counterfoil_view_models",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sort", sa.String(length=16), nullable=False),
        sa.Column("root_class", sa.String(length=200), nullable=True),
        sa.Column("queue", sa.String(length=100), server_default="default", nullable=False),
        sa.Column("route", sa.String(length=100), nullable=True),
        sa.Column("priority", sa.SmallInteger(), server_default="5", nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=True),
        sa.Column("max_attempts", sa.SmallInteger(), server_default="5", nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), server_default="300", nullable=False),
        sa.Column("keep_receipt_minutes", sa.Integer(), server_default="10", nullable=False),
        sa.Column("transactional", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("signature", Json, nullable=True),
        sa.Column("former_names", Json, nullable=True),
        sa.Column("doc", sa.Text(), nullable=True),
        sa.Column("in_charge", sa.String(length=200), nullable=True),
        sa.Column("app_version", sa.String(length=100), nullable=True),
        sa.Column("first_seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("known_until", Utc(), nullable=True),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paused_by", sa.String(length=200), nullable=True),
        sa.Column("paused_at", Utc(), nullable=True),
        sa.Column("paused_until", Utc(), nullable=True),
        sa.Column("paused_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("counterfoil_view_models_pkey")),
    )
    op.create_table(
        "counterfoil_workers",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sort", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("queues", Json, nullable=True),
        sa.Column("app_version", sa.String(length=100), nullable=True),
        sa.Column("started_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("seen_until", Utc(), nullable=False),
        sa.Column("duties", Json, nullable=True),
        sa.Column("wish", sa.String(length=32), nullable=True),
        sa.Column("reachable", Json, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("counterfoil_workers_pkey")),
    )
    op.create_table(
        "counterfoil_entry_links",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", BigId, nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["counterfoil_users.id"],
            name=op.f("counterfoil_entry_links_user_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_entry_links_pkey")),
    )
    op.create_table(
        "counterfoil_operation_items",
        sa.Column("operation_id", BigId, nullable=False),
        sa.Column("ticket_id", BigId, nullable=False),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["counterfoil_operations.id"],
            name=op.f("counterfoil_operation_items_operation_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation_id", "ticket_id", name=op.f("counterfoil_operation_items_pkey")),
    )
    op.create_index(
        "counterfoil_operation_items_open",
        "counterfoil_operation_items",
        ["operation_id", "ticket_id"],
        unique=False,
        postgresql_where=sa.text("result IS NULL"),
        sqlite_where=sa.text("result IS NULL"),
    )
    op.create_table(
        "counterfoil_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("created_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("last_seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("agent", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["counterfoil_users.id"],
            name=op.f("counterfoil_sessions_user_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_sessions_pkey")),
    )
    op.create_index("counterfoil_sessions_user", "counterfoil_sessions", ["user_id"], unique=False)
    op.create_table(
        "counterfoil_trail",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("ticket_id", BigId, nullable=True),
        sa.Column("root_id", sa.String(length=400), nullable=True),
        sa.Column("view_model", sa.String(length=200), nullable=True),
        sa.Column("subject", sa.String(length=400), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", Json, nullable=True),
        sa.Column("after", Json, nullable=True),
        sa.Column("operation_id", BigId, nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["counterfoil_operations.id"], name=op.f("counterfoil_trail_operation_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_trail_pkey")),
    )
    op.create_index("counterfoil_trail_at", "counterfoil_trail", ["at"], unique=False)
    op.create_index("counterfoil_trail_operation", "counterfoil_trail", ["operation_id"], unique=False)
    op.create_index("counterfoil_trail_ticket", "counterfoil_trail", ["ticket_id", "id"], unique=False)
    for statement in TRIGGERS[op.get_context().dialect.name]:
        op.execute(sa.DDL(statement.replace("%", "%%")))


TRIGGERS = {
    "postgresql": (
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
    NEW.turn := false; NEW.aside := 'unknown'; NEW.aside_since := coalesce(NEW.aside_since, clock_timestamp());
  ELSIF known.paused THEN
    NEW.turn := false; NEW.aside := 'paused'; NEW.aside_since := coalesce(NEW.aside_since, clock_timestamp());
  ELSE
    NEW.aside := NULL; NEW.aside_since := NULL;
    IF NEW.lane IS NULL OR current_setting('transaction_isolation') = 'serializable' THEN
      NEW.turn := true;
    ELSE
      due := coalesce(NEW.retry_at, NEW.execute_earliest, NEW.opened_at);
      NEW.turn := NOT EXISTS (
          SELECT 1 FROM counterfoil_tickets r WHERE r.state = 'running' AND r.lane IS NOT NULL AND r.lane = NEW.lane
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
        """
CREATE OR REPLACE FUNCTION counterfoil_trail_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '400 days' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'counterfoil_trail is append-only: % refused', TG_OP;
END $$
""",
        """
CREATE TRIGGER counterfoil_trail_append_only BEFORE UPDATE OR DELETE ON counterfoil_trail
FOR EACH ROW EXECUTE FUNCTION counterfoil_trail_guard()
""",
    ),
    "sqlite": (
        """
CREATE TRIGGER counterfoil_tickets_decide_insert AFTER INSERT ON counterfoil_tickets WHEN NEW.turn IS NULL 
BEGIN
  UPDATE counterfoil_tickets SET queue = coalesce(queue, (SELECT coalesce(k.route, k.queue) FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), priority = coalesce(priority, (SELECT k.priority FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), max_attempts = coalesce(max_attempts, (SELECT k.max_attempts FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), keep_receipt_minutes = coalesce(keep_receipt_minutes, (SELECT k.keep_receipt_minutes FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), in_charge = coalesce(in_charge, (SELECT k.in_charge FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), lane = coalesce(lane, (SELECT replace(k.lane, '{root_id}', coalesce(NEW.root_id, '')) FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), aside = CASE WHEN state <> 'pending' THEN NULL WHEN (SELECT 1 FROM counterfoil_view_models k WHERE k.name = NEW.view_model) IS NULL THEN 'unknown' WHEN (SELECT k.paused FROM counterfoil_view_models k WHERE k.name = NEW.view_model) THEN 'paused' END WHERE id = NEW.id;
  UPDATE counterfoil_tickets SET
    aside_since = CASE WHEN aside IS NULL THEN NULL ELSE coalesce(aside_since, strftime('%Y-%m-%d %H:%M:%f','now')||'000') END,
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
""",
        """
CREATE TRIGGER counterfoil_tickets_decide_update AFTER UPDATE OF turn ON counterfoil_tickets WHEN NEW.turn IS NULL 
BEGIN
  UPDATE counterfoil_tickets SET queue = coalesce(queue, (SELECT coalesce(k.route, k.queue) FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), priority = coalesce(priority, (SELECT k.priority FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), max_attempts = coalesce(max_attempts, (SELECT k.max_attempts FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), keep_receipt_minutes = coalesce(keep_receipt_minutes, (SELECT k.keep_receipt_minutes FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), in_charge = coalesce(in_charge, (SELECT k.in_charge FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), lane = coalesce(lane, (SELECT replace(k.lane, '{root_id}', coalesce(NEW.root_id, '')) FROM counterfoil_view_models k WHERE k.name = NEW.view_model)), aside = CASE WHEN state <> 'pending' THEN NULL WHEN (SELECT 1 FROM counterfoil_view_models k WHERE k.name = NEW.view_model) IS NULL THEN 'unknown' WHEN (SELECT k.paused FROM counterfoil_view_models k WHERE k.name = NEW.view_model) THEN 'paused' END WHERE id = NEW.id;
  UPDATE counterfoil_tickets SET
    aside_since = CASE WHEN aside IS NULL THEN NULL ELSE coalesce(aside_since, strftime('%Y-%m-%d %H:%M:%f','now')||'000') END,
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
""",
        """
CREATE TRIGGER counterfoil_trail_no_update BEFORE UPDATE ON counterfoil_trail BEGIN SELECT RAISE(ABORT, 'counterfoil_trail is append-only: UPDATE refused'); END
""",
        """
CREATE TRIGGER counterfoil_trail_no_delete BEFORE DELETE ON counterfoil_trail WHEN OLD.at > strftime('%Y-%m-%d %H:%M:%f','now','-400 days')||'000' BEGIN SELECT RAISE(ABORT, 'counterfoil_trail is append-only: DELETE refused'); END
""",
    ),
}
