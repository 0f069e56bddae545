"""Search: params that are searched by, saved searches, trigram indexes over labels and errors (PostgreSQL)."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.exc import DBAPIError

from counterfoil.clock import stamp
from counterfoil.columns import BigId, Json, Utc
from counterfoil.schema import SchemaOutOfDate

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counterfoil_params",
        sa.Column("ticket_id", BigId, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "name", name=op.f("counterfoil_params_pkey")),
    )
    op.create_index("counterfoil_params_value", "counterfoil_params", ["name", "value", "ticket_id"])
    op.create_table(
        "counterfoil_searches",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", Utc(), server_default=stamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["counterfoil_users.id"],
            name=op.f("counterfoil_searches_user_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_searches_pkey")),
        sa.UniqueConstraint("user_id", "name", name="counterfoil_searches_name"),
    )
    op.add_column("counterfoil_view_models", sa.Column("searchable", Json, nullable=True))
    dialect = op.get_context().dialect.name
    if dialect == "postgresql":
        _trigrams()
    for statement in TRIGGERS[dialect]:
        op.execute(sa.text(statement))


def _trigrams() -> None:
    """Indexes that find a piece of text; what simply succeeds never enters the one over errors."""
    _extension()
    _trigram("label", "root_label", "root_label IS NOT NULL AND state <> 'running'")
    _trigram("error", "error", "error IS NOT NULL")


def _trigram(name: str, column: str, where: str) -> None:
    op.create_index(
        f"counterfoil_tickets_{name}",
        "counterfoil_tickets",
        [column],
        postgresql_using="gin",
        postgresql_ops={column: "gin_trgm_ops"},
        postgresql_where=sa.text(where),
    )


def _extension() -> None:
    create = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
    if context.is_offline_mode():
        op.execute(create)
        return
    try:
        with op.get_bind().begin_nested():
            op.execute(create)
    except DBAPIError as error:
        raise SchemaOutOfDate(
            "the search needs the extension pg_trgm, which this user may not create here "
            f"({str(error.orig).splitlines()[0]}): let the owner of the database run `{create};` in it, then "
            "run `counterfoil db upgrade` again"
        ) from error


TRIGGERS = {
    "postgresql": (
        """
CREATE OR REPLACE FUNCTION counterfoil_note_params() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wanted jsonb;
BEGIN
  SELECT searchable INTO wanted FROM counterfoil_view_models WHERE name = NEW.view_model;
  IF wanted IS NULL OR jsonb_typeof(wanted) <> 'array' THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    DELETE FROM counterfoil_params WHERE ticket_id = NEW.id;
  END IF;
  INSERT INTO counterfoil_params (ticket_id, name, value)
  SELECT NEW.id, found.name, left(found.value, 200) FROM (
    SELECT DISTINCT key AS name, CASE jsonb_typeof(NEW.params -> key)
        WHEN 'object' THEN NEW.params -> key ->> 'v' WHEN 'array' THEN NULL ELSE NEW.params ->> key
        END AS value
      FROM jsonb_array_elements_text(wanted) AS key
    ) AS found WHERE found.value IS NOT NULL;
  RETURN NULL;
END $$
""",
        """
CREATE TRIGGER counterfoil_tickets_params AFTER INSERT OR UPDATE OF params ON counterfoil_tickets
FOR EACH ROW WHEN (NEW.params IS NOT NULL AND NEW.encryptor IS NULL)
EXECUTE FUNCTION counterfoil_note_params()
""",
    ),
    "sqlite": (
        """
CREATE TRIGGER counterfoil_tickets_params_insert AFTER INSERT ON counterfoil_tickets
WHEN NEW.params IS NOT NULL AND NEW.encryptor IS NULL AND json_valid(NEW.params) AND EXISTS (
  SELECT 1 FROM counterfoil_view_models k
  WHERE k.name = NEW.view_model AND k.searchable IS NOT NULL AND json_type(k.searchable) = 'array')
 BEGIN
  INSERT INTO counterfoil_params (ticket_id, name, value)
  SELECT NEW.id, found.name, substr(found.value, 1, 200) FROM (
    SELECT DISTINCT j.value AS name, CASE json_type(NEW.params, '$.' || j.value)
        WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'array' THEN NULL
        WHEN 'object' THEN json_extract(NEW.params, '$.' || j.value || '.v')
        ELSE json_extract(NEW.params, '$.' || j.value) END AS value
      FROM counterfoil_view_models k, json_each(k.searchable) j WHERE k.name = NEW.view_model
    ) AS found WHERE found.value IS NOT NULL;
 END
""",
        """
CREATE TRIGGER counterfoil_tickets_params_update AFTER UPDATE OF params ON counterfoil_tickets
WHEN NEW.params IS NOT NULL AND NEW.encryptor IS NULL AND json_valid(NEW.params) AND EXISTS (
  SELECT 1 FROM counterfoil_view_models k
  WHERE k.name = NEW.view_model AND k.searchable IS NOT NULL AND json_type(k.searchable) = 'array')
 BEGIN DELETE FROM counterfoil_params WHERE ticket_id = NEW.id;
  INSERT INTO counterfoil_params (ticket_id, name, value)
  SELECT NEW.id, found.name, substr(found.value, 1, 200) FROM (
    SELECT DISTINCT j.value AS name, CASE json_type(NEW.params, '$.' || j.value)
        WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'array' THEN NULL
        WHEN 'object' THEN json_extract(NEW.params, '$.' || j.value || '.v')
        ELSE json_extract(NEW.params, '$.' || j.value) END AS value
      FROM counterfoil_view_models k, json_each(k.searchable) j WHERE k.name = NEW.view_model
    ) AS found WHERE found.value IS NOT NULL;
 END
""",
    ),
}
