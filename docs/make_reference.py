"""Prints docs/reference.md from the code: settings, declarations, and what an application imports.

    python docs/make_reference.py > docs/reference.md

`tests/layout/test_reference.py` holds the file against `page()`.
"""

import ast
import inspect
import re
from itertools import pairwise
from types import ModuleType
from typing import Any

from signatures import entry, line

import counterfoil
from counterfoil import batches, collector, hooks, many, schema, testing, waiting, waiting_pages
from counterfoil.declaration import DECLARED, Declaration
from counterfoil.settings import SECRETS, Settings

HEAD = """# Reference

This page is made from the code: `python docs/make_reference.py > docs/reference.md`. Do not edit it.

"""
PLAIN = ("database_url", "redis_url")
OPTIONS = {
    "queue": "Where its tickets wait; workers listen to queues.",
    "priority": "`urgent` (1), `high` (3), `medium` (5), `low` (7) or `minor` (9).",
    "lane": "No two tickets of one lane run at the same time. May hold `{root_id}`.",
    "max_attempts": "After so many failed attempts a ticket is errored.",
    "timeout_seconds": "After which the process of an attempt is killed.",
    "keep_receipt_minutes": "How long the row of a ticket stays that simply succeeded.",
    "precondition": "Called with the root first; false: the work is not run.",
    "on_unmet": "What a false precondition means: `done`, or `postpone`.",
    "postpone_on": "Classes of exceptions that mean *not now*; no attempt is charged.",
    "commit": "`group`: up to a hundred short tickets share a transaction; see [grouped commit]"
    "(how-to/grouped-commit.md).",
    "transactional": "False: the work may commit itself, and runs at least once instead of exactly once.",
    "in_charge": "Who is told when a ticket is errored or failed.",
    "encrypted": "True, or the name of an encryptor: params are sealed in the database.",
    "searchable": "Names of params that the search finds tickets by; at most 8, not with `encrypted`.",
    "changes": "Attributes of the root, or one hop away, whose change opens a ticket.",
    "former_names": "Names under which tickets may wait still.",
}
"""What a declaration may say; the test of this page sees that none is left out."""
GROUPS: dict[str, tuple[str, ...]] = {
    "The host": ("Counterfoil", "not_ours"),
    "Declare work": ("root", "view_models", "ViewModel", "method", "target", "processor"),
    "Open tickets": ("Ticket", "open_ticket", "free_token", "release", "collect", "FloodGuard"),
    "Batches": ("open_batch", "seal", "Batch"),
    "Events": ("Event", "When", "Background", "Delay"),
    "Recurring tickets": ("schedule", "Schedule"),
    "While it runs": ("RunningTicket", "Postpone", "Fail", "WorkCutOff"),
}
"""Every name that `counterfoil` exports, in the order in which one meets it."""
MORE: tuple[tuple[ModuleType, str, tuple[str, ...]], ...] = (
    (many, "Many tickets in one call", ("open_many",)),
    (collector, "For tests of what is collected", ("open_collected",)),
    (batches, "How batches stand", ("counts", "Counts")),
    (waiting, "How one ticket stands, by its public token", ("standing", "Standing")),
    (waiting_pages, "The pages for it", ("WaitingPages",)),
    (testing, "For your own tests", tuple(sorted(testing.__all__))),
    (schema, "The schema, from a program", ("upgrade", "check", "current", "head", "sql", "SchemaOutOfDate")),
)


def page() -> str:
    """`docs/reference.md`."""
    told = [name for names in GROUPS.values() for name in names]
    missing = set(counterfoil.__all__) ^ set(told)
    assert not missing, f"GROUPS and counterfoil.__all__ differ: {sorted(missing)}"
    parts = [_settings(), _declaration()]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [entry(getattr(counterfoil, name)) for name in names]
    parts.append(f"**OnError** (`counterfoil.hooks`): {_doc_of_name(hooks, 'OnError')}\n")
    for module, title, names in MORE:
        parts.append(f"## {title}: `{module.__name__}`\n")
        parts += [entry(getattr(module, name)) for name in names]
    return HEAD + "\n".join(parts)


def _settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        variable = name.upper() if name in PLAIN else f"COUNTERFOIL_{name.upper()}"
        meaning = line(field.description) + (" A secret." if name in SECRETS else "")
        rows.append(f"| `{variable}` | {_default(field.default)} | {_unit(name)} | {meaning} |")
    table = "\n".join(rows)
    return f"""## Settings

From the environment, read once when a process starts; nonsense refuses to start. The
[first run](operating.md#a-first-run) shows where they go.

| variable | default | unit | meaning |
|---|---|---|---|
{table}
"""


def _declaration() -> str:
    missing = DECLARED ^ set(OPTIONS)
    assert not missing, f"OPTIONS and the options of a declaration differ: {sorted(missing)}"
    defaults = {name: field.default for name, field in Declaration.__dataclass_fields__.items()}
    rows = "\n".join(
        f"| `{name}` | {_default(defaults[name])} | {meaning} |" for name, meaning in OPTIONS.items()
    )
    return f"""## Options of a declaration

`ViewModel`, `method`, `target`, `processor`, `Background` and `Delay` take them by name.

| option | default | meaning |
|---|---|---|
{rows}
"""


def _doc_of_name(module: ModuleType, name: str) -> str:
    """The text under a module's assignment."""
    body = ast.parse(inspect.getsource(module)).body
    for one, text in pairwise(body):
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == name:
            return line(str(ast.literal_eval(text.value)))  # type: ignore[attr-defined]
    raise LookupError(name)


def _default(value: Any) -> str:
    if value is None or value == ():
        return "-"
    told = f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{told.lower() if isinstance(value, bool) else told}`"


def _unit(name: str) -> str:
    found = re.search(r"_(seconds|minutes|days|tickets)$", name)
    return found[1] if found else "-"


if __name__ == "__main__":
    print(page(), end="")
