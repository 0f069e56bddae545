"""A declaration: what a view model's name stands for, and how its tickets run, checked at its own line."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .priority import priority_number
from .queue_names import told_wrong

OPTION_NAMES = frozenset(
    {"root", "view_model", "params", "execute_earliest", "keep_receipt_minutes", "queue", "priority", "lane"}
    | {"expires_at", "staged", "idempotence_token", "opened_by", "in_charge", "keep", "max_attempts"}
    | {"elements", "batch", "guard", "encrypted"}
)
"""Options of opening a ticket; a target's parameter may not bear one of these names."""

TICKET = "ticket"
"""A parameter of this name receives the running ticket: log, progress, idempotency key."""

MOST_SEARCHABLE = 8
_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?")
_SEARCHABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)


_signature = lru_cache(maxsize=None)(inspect.signature)
"""Asked twice for each ticket that runs; callables of declarations are hashable, like their declarations."""


class RegistryError(Exception):
    """A declaration that cannot be registered, or an unknown name; the text has the cure."""


class ParamsDoNotFit(TypeError):
    """Params that do not fit the signature of the view model's callables."""


@dataclass(frozen=True)
class Declaration:
    """What a view model's name stands for, and how its tickets run.

    `sort` is actions, method, target or processor. `callables`: actions `f(root, **params)` top to bottom, or
    the one method (called with the root), target or processor. `root_class` is None for targets. `lane` may
    hold `{root_id}`. `postpone_on`: exceptions that postpone instead of failing. `on_unmet`: what a false
    precondition does, "done" or "postpone". `transactional` False declares at-least-once. `commit`: "ticket",
    a transaction for each, or "group", one for up to a hundred of short work without a lane. `own_priority`:
    the priority was declared, so that the number of elements does not decide it. `encrypted`: params are
    sealed at rest, True by the default encryptor, or the name of one. `searchable`: the params that a search
    finds its tickets by (`param.order_id:42`); each costs a row when a ticket is opened. `changes`:
    attributes that it reads, whose change opens a ticket (module `changes`).
    """

    name: str
    sort: str
    callables: tuple[Callable[..., Any], ...]
    root_class: type[Any] | None = None
    precondition: Callable[[Any], bool] | None = None
    on_unmet: str = "done"
    queue: str = "default"
    priority: int = 5
    own_priority: bool = False
    lane: str | None = None
    max_attempts: int = 5
    timeout_seconds: int = 300
    keep_receipt_minutes: int = 10
    postpone_on: tuple[type[BaseException], ...] = ()
    transactional: bool = True
    commit: str = "ticket"
    in_charge: str | None = None
    encrypted: bool | str = False
    former_names: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    searchable: tuple[str, ...] = ()
    doc: str | None = None

    def __post_init__(self) -> None:
        for call in self.callables:
            if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
                raise RegistryError(
                    f"{self.name}: {call.__qualname__} is async, and nobody would await it: declare a plain "
                    "function, and say asyncio.run(...) inside"
                )
        if wrong := told_wrong(self.queue):
            raise RegistryError(f"{self.name}: {wrong}")
        for name in ("max_attempts", "timeout_seconds", "keep_receipt_minutes"):
            if type(given := getattr(self, name)) is not int:
                raise RegistryError(f"{self.name}: {name} must be a whole number, not {given!r}")
        if not 1 <= self.max_attempts <= 1000:
            raise RegistryError(f"{self.name}: max_attempts must be 1 to 1000, not {self.max_attempts}")
        if self.timeout_seconds < 1:
            raise RegistryError(
                f"{self.name}: timeout_seconds must be at least 1, not {self.timeout_seconds}"
            )
        if self.keep_receipt_minutes < 0:
            raise RegistryError(f"{self.name}: keep_receipt_minutes must not be negative")
        if not isinstance(self.encrypted, bool | str) or self.encrypted == "":
            raise RegistryError(f"{self.name}: encrypted must be True, or an encryptor's name")
        if self.on_unmet not in ("done", "postpone"):
            raise RegistryError(f"{self.name}: on_unmet must be 'done' or 'postpone', not {self.on_unmet!r}")
        self._check_commit()
        if self.searchable and self.encrypted:
            raise RegistryError(f"{self.name}: what is encrypted is not searchable: declare one of the two")
        if self.changes:
            self._check_changes()
        for key in self.searchable:
            if not _SEARCHABLE.fullmatch(key):
                raise RegistryError(
                    f"{self.name}: searchable names params, which {key!r} cannot be: letters, digits and _"
                )
        if len(self.searchable) > MOST_SEARCHABLE:
            raise RegistryError(
                f"{self.name}: at most {MOST_SEARCHABLE} params are searchable, not {len(self.searchable)}"
            )

    def _check_commit(self) -> None:
        if self.commit not in ("ticket", "group"):
            raise RegistryError(f"{self.name}: commit must be 'ticket' or 'group', not {self.commit!r}")
        if not self.grouped:
            return
        if self.lane is not None:
            raise RegistryError(
                f"{self.name}: commit='group' and lane={self.lane!r} exclude each other: a lane runs one "
                "ticket at a time; declare one of the two"
            )
        if not self.transactional:
            raise RegistryError(
                f"{self.name}: commit='group' and transactional=False exclude each other: a group that fails "
                "is rolled back and its work is done again, so it must have no effects outside"
            )

    def _check_changes(self) -> None:
        if self.root_class is None:
            raise RegistryError(f"{self.name}: changes are those of a root, and it has none: use @method")
        for path in self.changes:
            if not _PATH.fullmatch(path):
                raise RegistryError(
                    f"{self.name}: changes names {path!r}: write an attribute of the root, 'name', or one of "
                    "what a relationship leads to, 'address.city'"
                )
        try:
            self.check({})
        except ParamsDoNotFit as error:
            raise RegistryError(f"{self.name}: a change has no params to give: {error}") from None

    @property
    def grouped(self) -> bool:
        """Whether up to a hundred of its tickets share one transaction."""
        return self.commit == "group"

    @property
    def leading(self) -> int:
        """How many positional arguments come before the params: the root or the elements, or none."""
        return 0 if self.sort == "target" else 1

    def wants_ticket(self, call: Callable[..., Any]) -> bool:
        """Whether this callable has a parameter named `ticket`."""
        return TICKET in _signature(call).parameters

    def check(self, params: dict[str, Any]) -> None:
        """Raises ParamsDoNotFit, naming the parameter, unless the params fit every callable."""
        for call in self.callables:
            signature = _signature(call)
            given = dict(params)
            if TICKET in signature.parameters:
                given[TICKET] = None
            positional = [None] * self.leading
            try:
                signature.bind(*positional, **given)
            except TypeError as error:
                foreign = _foreign(signature, params)
                told = f"; it has no parameter {', '.join(map(repr, foreign))}" if foreign else ""
                raise ParamsDoNotFit(
                    f"params of {self.name} do not fit {call.__qualname__}{signature}: {error}{told}"
                ) from None

    def signature(self) -> dict[str, Any]:
        """The params as data for the console: name -> {required, annotation, default}; no code."""
        found: dict[str, Any] = {}
        for call in self.callables:
            parameters = list(inspect.signature(call).parameters.values())
            named = [p for p in parameters if p.name != TICKET][self.leading :]
            for p in named:
                if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                    continue
                required = p.default is p.empty
                note = "" if p.annotation is p.empty else inspect.formatannotation(p.annotation)
                found[p.name] = {"required": required, "annotation": note}
        return found


DECLARED = frozenset(Declaration.__dataclass_fields__) - {
    "name", "sort", "callables", "root_class", "own_priority", "doc"
}  # fmt: skip
"""The names of the options of a declaration."""


def _foreign(signature: inspect.Signature, params: dict[str, Any]) -> list[str]:
    """Params that no parameter bears the name of."""
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        return []
    return sorted(params.keys() - signature.parameters.keys())


def declaration_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a declaration as its fields: a priority by name becomes its number, lists tuples."""
    unknown = sorted(options.keys() - DECLARED)
    if unknown:
        raise RegistryError(f"there is no option {unknown[0]!r}; there are {', '.join(sorted(DECLARED))}")
    made = dict(options)
    if "priority" in made:
        made |= {"priority": priority_number(made["priority"]), "own_priority": True}
    for name in ("postpone_on", "former_names", "changes", "searchable"):
        if isinstance(made.get(name), str):
            raise RegistryError(
                f"{name} is a list of names, not the text {made[name]!r}: write ({made[name]!r},)"
            )
        if name in made:
            made[name] = tuple(made[name])
    return made
