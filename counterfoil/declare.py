"""How a developer declares work: `ViewModel` and `view_models`, `@method`, `@target`, `@processor`, `@root`.

    class Customer(db.Model):
        @method(precondition=lambda c: c.number is None, lane="customer-number")
        def assign_number(self) -> str: ...

        class ViewModels(view_models):
            TheCustomerNumberAssigner = ViewModel(assign, greet, lane="customer-number")

    @target("OrderClient.fulfill", max_attempts=8)
    def fulfill(ticket, *, customer_token: str, order_number: int) -> None: ...

    @processor("InvoicePrinter", queue="printing")
    def print_invoices(invoices, *, copies: int = 1) -> str: ...

Options are those of `Declaration`: queue, priority, lane, max_attempts, timeout_seconds,
keep_receipt_minutes, postpone_on, transactional, commit, in_charge, encrypted, former_names, searchable,
precondition, on_unmet, changes.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from .declaration import OPTION_NAMES, TICKET, Declaration, RegistryError, declaration_options
from .registry import registry

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type[Any])


class ViewModel:
    """A rooted view model: a named, ordered list of actions, each `f(root, **params)`, run top to bottom.

    Written inside a `view_models` class of its root class; its name is the attribute's. Source: the pattern's
    rooted view models, which a ticket names.
    """

    def __init__(self, *actions: Callable[..., Any], **options: Any) -> None:
        if not actions:
            raise RegistryError("a ViewModel needs at least one action")
        self.actions = actions
        self.options = options
        self.name = ""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    def register(self, owner: type[Any], name: str) -> None:
        """Called when the root class is made."""
        registry.add(
            Declaration(
                name=name,
                sort="actions",
                callables=self.actions,
                root_class=owner,
                doc=inspect.getdoc(self.actions[0]),
                **declaration_options(self.options),
            )
        )

    def __str__(self) -> str:
        return self.name


class _ViewModels(type):
    def __set_name__(cls, owner: type[Any], name: str) -> None:
        for attribute, constant in list(vars(cls).items()):
            register = getattr(constant, "register", None)
            if register is not None:
                register(owner, attribute)


class view_models(metaclass=_ViewModels):  # noqa: N801 - reads as a word in the host's class
    """Base of a nested class of constants, as in `Customer.ViewModels.TheCustomerNumberAssigner`.

    A typo is an AttributeError at the line, and an error of the type checker.
    """


class Method:
    """A method of a root class that is also a view model, `Class.method`; code calls it as before."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.function = function
        self.options = options
        self.name = function.__name__
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = f"{owner.__name__}.{name}"
        registry.add(
            Declaration(
                name=self.name,
                sort="method",
                callables=(self.function,),
                root_class=owner,
                doc=inspect.getdoc(self.function),
                **declaration_options(self.options),
            )
        )

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        return self if instance is None else self.function.__get__(instance, owner)

    def __str__(self) -> str:
        return self.name


def method(*bare: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Declare a method of a root class as a view model; `precondition` (called with the root) comes first."""
    if bare:
        raise RegistryError("@method is written with brackets: @method(), or @method(lane=...)")

    def declare(function: Callable[..., Any]) -> Method:
        return Method(function, options)

    return declare


def target(name: str, **options: Any) -> Callable[[F], F]:
    """Declare a rootless callable by a name, by custom with a dot: `@target("OrderClient.fulfill")`.

    Raises RegistryError when a parameter bears the name of an option of opening (pass `params={...}` then is
    not possible for it: rename the parameter).
    """

    return _declare_function(name, "target", options)


def processor(name: str, **options: Any) -> Callable[[F], F]:
    """Declare a callable over the elements of its ticket: `p(elements, **params)`, loaded, in their order.

    Source: the processors of an ERP's work packages. Raises RegistryError as `target` does.
    """
    return _declare_function(name, "processor", options)


def _declare_function(name: str, sort: str, options: dict[str, Any]) -> Callable[[F], F]:
    if not isinstance(name, str):
        raise RegistryError(f'@{sort} is written with a name: @{sort}("Class.action")')

    def declare(function: F) -> F:
        parameters = list(inspect.signature(function).parameters)[0 if sort == "target" else 1 :]
        taken = sorted((OPTION_NAMES - {TICKET}) & set(parameters))
        if taken:
            raise RegistryError(
                f"{sort} {name!r}: its parameter {taken[0]!r} bears the name of an option of open_ticket; "
                "rename the parameter"
            )
        registry.add(
            Declaration(
                name=name,
                sort=sort,
                callables=(function,),
                doc=inspect.getdoc(function),
                **declaration_options(options),
            )
        )
        function.__counterfoil_name__ = name  # type: ignore[attr-defined]
        return function

    return declare


def root(
    *, label: Callable[[Any], str] | None = None, link: str | None = None, former_names: tuple[str, ...] = ()
) -> Callable[[C], C]:
    """Declare how objects of a mapped class are named to a person (`label`) and where one sees them (`link`).

    `link` is a template over `{key}`: "https://shop.example/customers/{key}".
    """

    def declare(cls: C) -> C:
        registry.add_root(cls, label, link, tuple(former_names))
        return cls

    return declare


def name_of(view_model: Any) -> str:
    """The name of what was given as a view model: a string, a ViewModel, a method or a target."""
    if isinstance(view_model, str):
        return view_model
    if isinstance(view_model, ViewModel | Method):
        return view_model.name
    found = getattr(view_model, "__counterfoil_name__", None)
    if isinstance(found, str):
        return found
    raise RegistryError(
        f"{view_model!r} is no view model: declare it with ViewModel, @method, @target or @processor"
    )
