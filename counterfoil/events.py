"""Events: a tree of actions, some at once, some later, under conditions.

    class Card(db.Model):
        class ViewModels(view_models):
            Changed = Event(
                copy_a_to_d,                                             # at once, in the form's transaction
                When(lambda card: card.company, Background(fill_b, fill_c)),        # one ticket, two actions
                Delay(send_mail, until="next day", zone="Europe/Berlin"),           # another ticket
            )

    Card.ViewModels.Changed.fire(db.session, card)

The tree's order is kept: what is synchronous runs first, top to bottom, in the caller's transaction; then the
background parts open their tickets in it. A synchronous action that fails takes the tickets with it, since
the caller's transaction is rolled back. Source: background objects in event trees.
"""

import inspect
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session

from .clock import stamp
from .declaration import Declaration, RegistryError, declaration_options
from .delay import Until
from .opening import open_ticket
from .registry import registry
from .ticket import Ticket

Action = Callable[..., Any]


class Background:
    """Actions that run later, in order, as one ticket: Background is Delay until now.

    `options` are those of a ViewModel (queue, lane, max_attempts, ...). Its view model is named after the
    event and its place (`Changed.1`), unless `name` is given: give one before the tree is rearranged while
    tickets wait.
    """

    def __init__(self, *actions: Action, name: str | None = None, **options: Any) -> None:
        self._declare(actions, Until(), name, options)

    def _declare(self, actions: tuple[Action, ...], until: Until, name: str | None, options: Any) -> None:
        if not actions or not all(callable(action) for action in actions):
            raise RegistryError(f"{type(self).__name__} needs actions: functions of the root")
        self.actions = actions
        self.until = until
        self.name = name or ""
        self.options = options

    def register(self, owner: type[Any], event: str, place: int) -> None:
        """Make it a view model of the event's root class."""
        self.name = self.name or f"{event}.{place}"
        registry.add(
            Declaration(
                name=self.name,
                sort="actions",
                callables=self.actions,
                root_class=owner,
                doc=inspect.getdoc(self.actions[0]),
                **declaration_options(self.options),
            )
        )

    def open(self, session: Session | scoped_session[Any], root: Any, params: dict[str, Any]) -> Ticket:
        """Open its ticket in the session's transaction."""
        due = None
        if not self.until.is_now:
            due = self.until.at(root, session.scalars(select(stamp())).one())
        return open_ticket(session, self.name, root=root, params=params, execute_earliest=due)


class Delay(Background):
    """Actions that run not before `until`: see `delay.Until` for what that may be."""

    def __init__(
        self,
        *actions: Action,
        until: str | date | datetime | Callable[[Any], Any] = "now",
        earlier: timedelta = timedelta(),
        later: timedelta = timedelta(),
        zone: str = "UTC",
        name: str | None = None,
        **options: Any,
    ) -> None:
        self._declare(actions, Until(until, earlier, later, zone), name, options)


class When:
    """A condition as the parent of parts: they happen if `condition(root)` is true when its turn comes."""

    def __init__(self, condition: Callable[[Any], Any], *parts: "Part") -> None:
        if not callable(condition) or not parts:
            raise RegistryError("When needs a condition (a function of the root) and the parts under it")
        self.condition = condition
        self.parts = parts


Part = Action | Background | When


class Event:
    """A tree of synchronous actions, background parts and conditions about one root class.

    Written inside a `view_models` class; its name is the attribute's.
    """

    def __init__(self, *parts: Part) -> None:
        if not parts:
            raise RegistryError("an Event needs at least one part")
        self.parts = parts
        self.name = ""
        self.root_class: type[Any] | None = None

    def register(self, owner: type[Any], name: str) -> None:
        """Register the background parts; called when the root class is made."""
        self.name, self.root_class = name, owner
        for place, part in enumerate(_backgrounds(self.parts), 1):
            part.register(owner, name, place)

    def fire(self, session: Session | scoped_session[Any], root: Any, **params: Any) -> list[Ticket]:
        """Run the synchronous actions, then open the tickets, all in the session's transaction.

        Returns the tickets in the tree's order. Whatever a synchronous action raises comes through: roll the
        transaction back, and nothing has happened.
        """
        if self.root_class is None:
            raise RegistryError("this Event stands in no view_models class: it has no name and no root class")
        if not isinstance(root, self.root_class):
            raise RegistryError(f"{self.name} is about {self.root_class.__name__}, not {type(root).__name__}")
        later: list[Background] = []
        _run(self.parts, root, params, later)
        return [part.open(session, root, params) for part in later]


def _run(parts: tuple[Part, ...], root: Any, params: dict[str, Any], later: list[Background]) -> None:
    for part in parts:
        if isinstance(part, Background):
            later.append(part)
        elif isinstance(part, When):
            if part.condition(root):
                _run(part.parts, root, params, later)
        else:
            part(root, **params)


def _backgrounds(parts: tuple[Part, ...]) -> Iterator[Background]:
    for part in parts:
        if isinstance(part, Background):
            yield part
        elif isinstance(part, When):
            yield from _backgrounds(part.parts)
