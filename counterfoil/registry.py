"""The registry of view models: the only names that run.

A ticket names its work; the registry holds what the name stands for. It is filled by declarations
(`declare`), frozen when a worker starts, and written to the tables then. Ticket text is never imported.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .declaration import Declaration, RegistryError
from .encryptors import Encryptor, built_in

if TYPE_CHECKING:
    from .recurring import Schedule


class UnknownViewModel(RegistryError):
    """No view model of that name is registered in this process."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no view model {name!r} is registered: declare it (ViewModel, @method or @target) in a module "
            "that the application imports at start, or mend the name"
        )


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
