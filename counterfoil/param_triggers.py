"""The triggers that note searchable params beside a ticket, whoever opens it; `triggers` creates them.

A view model that declares none costs its tickets one look at a row that the insert has just read. Encrypted
params are not noted: they would stand there in the clear.
"""

POSTGRESQL = (
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
)

_WHEN = """
WHEN NEW.params IS NOT NULL AND NEW.encryptor IS NULL AND json_valid(NEW.params) AND EXISTS (
  SELECT 1 FROM counterfoil_view_models k
  WHERE k.name = NEW.view_model AND k.searchable IS NOT NULL AND json_type(k.searchable) = 'array')
"""
_NOTE = """
  INSERT INTO counterfoil_params (ticket_id, name, value)
  SELECT NEW.id, found.name, substr(found.value, 1, 200) FROM (
    SELECT DISTINCT j.value AS name, CASE json_type(NEW.params, '$.' || j.value)
        WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'array' THEN NULL
        WHEN 'object' THEN json_extract(NEW.params, '$.' || j.value || '.v')
        ELSE json_extract(NEW.params, '$.' || j.value) END AS value
      FROM counterfoil_view_models k, json_each(k.searchable) j WHERE k.name = NEW.view_model
    ) AS found WHERE found.value IS NOT NULL;
"""

SQLITE = (
    f"CREATE TRIGGER counterfoil_tickets_params_insert AFTER INSERT ON counterfoil_tickets {_WHEN} "
    f"BEGIN {_NOTE} END",
    f"CREATE TRIGGER counterfoil_tickets_params_update AFTER UPDATE OF params ON counterfoil_tickets {_WHEN} "
    f"BEGIN DELETE FROM counterfoil_params WHERE ticket_id = NEW.id; {_NOTE} END",
)
