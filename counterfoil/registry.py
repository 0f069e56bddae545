"""The registry of view models: the only names that run.

A ticket names its work; the registry holds what the name stands for. It is filled by declarations
(`declare`), frozen when a worker starts, and written to the tables then. Ticket text is never imported.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .encryptors import Encryptor, built_in
from .priority import priority_number
from .queue_names import told_wrong

if TYPE_CHECKING:
    from .recurring import Schedule

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


class UnknownViewModel(RegistryError):
    """No view model of that name is registered in this process."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no view model {name!r} is registered: declare it (ViewModel, @method or @target) in a module "
            "that the application imports at start, or mend the name"
        )


class ParamsDoNotFit(TypeError):
    """Params that do not fit the signature of the view model's callables."""


@dataclass(frozen=True)
class Declaration:
    """What a view model's name stands for, and how its tickets run.

    `sort` is actions, method, target or processor. `callables`: actions `f(root, **params)` top to bottom, or
    the one method (called with the root), target or processor. `root_class` is None for targets. `lane` may
    hold `{root_id}`. `postpone_on`: exceptions that postpone instead of failing. `on_unmet`: what a false
    precondition does, "done" or "postpone". `transactional` False declares at-least-once. `own_priority`: the
    priority was declared, so that the number of elements does not decide it. `encrypted`: params are sealed
    at rest, True by the default encryptor, or the name of one. `searchable`: the params that a search finds
    its tickets by (`param.order_id:42`); each costs a row when a ticket is opened. `changes`:
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


_DECLARED = frozenset(Declaration.__dataclass_fields__) - {
    "name", "sort", "callables", "root_class", "own_priority", "doc"
}  # fmt: skip


def _foreign(signature: inspect.Signature, params: dict[str, Any]) -> list[str]:
    """Params that no parameter bears the name of."""
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        return []
    return sorted(params.keys() - signature.parameters.keys())


@dataclass
class RootDeclaration:
    """A class whose objects tickets are about: how to name one, where it may be seen, what it was called."""

    name: str
    cls: type[Any]
    label: Callable[[Any], str] | None = None
    link: str | None = None
    former_names: tuple[str, ...] = ()


@dataclass
class Registry:
    """Names of view models and root classes: one per process (`registry`), a fresh one in `scoped`."""

    view_models: dict[str, Declaration] = field(default_factory=dict)
    root_classes: dict[str, RootDeclaration] = field(default_factory=dict)
    schedules: dict[str, "Schedule"] = field(default_factory=dict)
    encryptors: dict[str, Encryptor] = field(default_factory=built_in)
    frozen: bool = False

    def add(self, declaration: Declaration) -> Declaration:
        """Register under its name and former names. Raises RegistryError: frozen, or the name is taken."""
        if self.frozen:
            raise RegistryError(f"{declaration.name}: the registry is frozen since the worker started")
        for name in (declaration.name, *declaration.former_names):
            other = self.view_models.get(name)
            if other is not None and not _same_place(other, declaration):
                raise RegistryError(
                    f"the name {name!r} is taken by {_place(other)}; {_place(declaration)} needs another one"
                )
        for name in (declaration.name, *declaration.former_names):
            self.view_models[name] = declaration
        if declaration.root_class is not None:
            self.add_root(declaration.root_class)
        return declaration

    def add_root(
        self,
        cls: type[Any],
        label: Callable[[Any], str] | None = None,
        link: str | None = None,
        former_names: tuple[str, ...] = (),
    ) -> None:
        """Make a mapped class known as a root; later calls add what they give. Raises RegistryError."""
        known = self.root_classes.get(cls.__name__)
        if known is None or known.cls is not cls:
            known = RootDeclaration(cls.__name__, cls)
        if link is not None and not _is_link(link):
            raise RegistryError(
                f"the link of {cls.__name__}, {link!r}, is none: write https://host/path/{{key}} or "
                "/path/{key}"
            )
        known.label = label or known.label
        known.link = link or known.link
        known.former_names = former_names or known.former_names
        for name in (known.name, *known.former_names):
            self.root_classes[name] = known

    def add_schedule(self, made: "Schedule") -> None:
        """Register a recurring ticket (`schedule` makes them). Raises RegistryError: frozen."""
        if self.frozen:
            raise RegistryError(f"schedule {made.name!r}: the registry is frozen since the worker started")
        self.schedules[made.name] = made

    def find(self, name: str) -> Declaration:
        """The declaration of a name, exact names first. Raises UnknownViewModel."""
        found = self.view_models.get(name)
        if found is None:
            raise UnknownViewModel(name)
        return found

    def add_encryptor(self, name: str, encryptor: Encryptor) -> None:
        """Make an encryptor known by its name, in the application and in every worker alike.

        Raises RegistryError: frozen, the name is taken, or is no word of 1 to 50 characters.
        """
        if self.frozen:
            raise RegistryError(f"encryptor {name}: the registry is frozen since the worker started")
        if not 1 <= len(name) <= 50 or not name.isprintable() or " " in name:
            raise RegistryError(f"an encryptor's name is a word of 1 to 50 characters, not {name!r}")
        known = self.encryptors.get(name)
        if known is not None and type(known).__qualname__ != type(encryptor).__qualname__:
            raise RegistryError(
                f"the encryptor {name!r} is {type(known).__name__} already: take another name"
            )
        self.encryptors[name] = encryptor

    def encryptor(self, name: str) -> Encryptor:
        """The encryptor of a name. Raises RegistryError."""
        found = self.encryptors.get(name)
        if found is None:
            names = ", ".join(sorted(self.encryptors))
            raise RegistryError(
                f"no encryptor {name!r} is registered in this process (there are {names}): "
                "call registry.add_encryptor where the application is made"
            )
        return found

    def freeze(self) -> None:
        """No more names: called when a worker starts."""
        self.frozen = True

    @contextmanager
    def scoped(self) -> Iterator["Registry"]:
        """For tests: an empty, unfrozen registry inside the block, what was there before after it."""
        before = (self.view_models, self.root_classes, self.schedules, self.frozen)
        self.view_models, self.root_classes, self.schedules, self.frozen = {}, {}, {}, False
        try:
            yield self
        finally:
            self.view_models, self.root_classes, self.schedules, self.frozen = before


def _is_link(link: str) -> bool:
    relative = link.startswith("/") and not link.startswith(("//", "/\\"))
    return relative or link.startswith(("https://", "http://"))


def _place(declaration: Declaration) -> str:
    call = declaration.callables[0]
    return f"{call.__module__}.{call.__qualname__}"


def _same_place(one: Declaration, other: Declaration) -> bool:
    # A module that is imported twice (reloader, tests) declares the same thing again.
    return one.name == other.name and one.sort == other.sort and _place(one) == _place(other)


registry = Registry()


def declaration_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a declaration as its fields: a priority by name becomes its number, lists tuples."""
    unknown = sorted(options.keys() - _DECLARED)
    if unknown:
        raise RegistryError(f"there is no option {unknown[0]!r}; there are {', '.join(sorted(_DECLARED))}")
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
