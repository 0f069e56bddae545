"""Demo traffic: visitors of the shop, so that the console has something to show.

An overture touches every story once, so that no list of the console stays empty; some hundred customers,
orders and forms follow; then a trickle that never lets the printer's heap grow or vanish.
"""

import random
import time
from collections.abc import Callable

from .users import STAFF
from .visitor import ShopAway, Visitor
from .weather import DANGEROUS, FERRY_LESS

CUSTOMERS, ORDERS, FORMS, OFFERS, MOVES = 120, 100, 60, 12, 10
SOME_PACKAGES = 40
"""Work packages of an invoice run between the large ones."""
HEAP = 8
"""Labels that should wait for the printer."""

FIRST = "Ada Lovelace|Babbage & Sons|Hopper Compilers|Noether Rings|Turing Machines|Curie Metals|Lamarr Radio"
LAST = "Ltd|GmbH|S.A.|and Daughters|Trading|Overseas|Brothers"
ARTICLES = "Difference engine|Slide rule|Abacus|Punched cards|Napier's bones|Planimeter".split("|")
STREETS = "Analytical Road|Jacquard Lane|Rue Pascal|Leibnizstraße".split("|")
COUNTRIES = "DE|FR|SE|PT|IE".split("|")


Story = Callable[[], object]


class Traffic:
    """What visitors do; the same seed is the same traffic."""

    def __init__(self, visitor: Visitor, seed: int) -> None:
        self.visitor = visitor
        self.random = random.Random(seed)
        self.customers: list[int] = []

    def run(self) -> None:
        """Open the shop's day, then go on until stopped."""
        before = self._when_open()
        self._all(self.overture())
        if before["customers"] < CUSTOMERS:
            self._all(self.opening_day())
        while True:
            time.sleep(self.random.uniform(0.6, 1.6))
            self._all([lambda: self.next_story()()])

    def overture(self) -> list[Story]:
        """Each story once, those that take a while first."""
        return [
            self.customer,
            lambda: self.order(country=FERRY_LESS),
            lambda: self.form(email="grace@hoper.invalid"),
            lambda: self.order(article=DANGEROUS, quantity=40),
            lambda: self.order(pay="later", seconds=20),
            lambda: self.order(pay="later"),
            lambda: self.visitor.press("/offers", customer=self._customer(), hours=8),
            lambda: self.visitor.press("/till/mistake"),
            self.move,
            self.order,
            self.form,
        ]

    def opening_day(self) -> list[Story]:
        """Some hundred of everything, shuffled; in the evening the month's invoices."""
        day: list[Story] = []
        day += [self.customer] * CUSTOMERS + [self.any_order] * ORDERS
        day += [self.form] * FORMS + [self.offer] * OFFERS + [self.move] * MOVES
        self.random.shuffle(day)
        return [*day, lambda: self.visitor.press("/invoices")]

    def next_story(self) -> Story:
        """What the next visitor does: more orders when the printer has little to do."""
        now = self.visitor.look("/status.json")
        idle = now["labels_waiting"] < HEAP
        weights = {
            self.any_order: 60 if idle else 2,
            self.customer: 25,
            self.form: 15,
            self.offer: 2,
            self.move: 4,
        }
        weights[self.invoices] = 0 if now["invoices_waiting"] else 1
        return self.random.choices(list(weights), list(weights.values()))[0]

    def customer(self) -> None:
        """A new customer, in one of the three ways."""
        name = f"{self.random.choice(FIRST.split('|'))} {self.random.choice(LAST.split('|'))}"
        way = self.random.choices(["view-model", "method", "sql"], [5, 4, 1])[0]
        country = self.random.choice(COUNTRIES)
        at = self.visitor.press("/customers", self._clerk(), name=name, way=way, country=country)
        self.customers.append(int(at.rpartition("/")[2]))

    def any_order(self) -> None:
        """An order; one in ten is trouble."""
        chance = self.random.random()
        if chance < 0.03:
            self.order(country=FERRY_LESS)
        elif chance < 0.06:
            self.order(article=DANGEROUS, quantity=self.random.randint(10, 90))
        elif chance < 0.12:
            self.order(pay="later", **({"seconds": 45} if chance < 0.09 else {}))
        else:
            self.order()

    def order(self, **fields: object) -> None:
        """An order by one of the customers."""
        made = {"article": self.random.choice(ARTICLES), "quantity": self.random.randint(1, 5)}
        self.visitor.press("/orders", self._clerk(), **{**made, "customer": self._customer(), **fields})

    def form(self, email: str | None = None) -> None:
        """A form; one in thirty has a mistyped address."""
        name = self.random.choice(FIRST.split("|"))
        wrong = email or ("ada@lovelace.invalid" if self.random.random() < 0.03 else "")
        language = self.random.choice(["de", "en", "fr"])
        self.visitor.press("/forms", self._clerk(), name=name, language=language, email=wrong)

    def offer(self) -> None:
        """An offer for some hours."""
        self.visitor.press("/offers", customer=self._customer(), hours=self.random.randint(2, 20))

    def move(self) -> None:
        """A customer moves, often abroad."""
        street = f"{self.random.randint(1, 99)} {self.random.choice(STREETS)}"
        country = self.random.choice(COUNTRIES)
        self.visitor.press(
            f"/customers/{self._customer()}/move", self._clerk(), street=street, country=country
        )

    def invoices(self) -> None:
        """A small invoice run, when the last one is out."""
        self.visitor.press("/invoices", self._clerk(), packages=SOME_PACKAGES)

    def _customer(self) -> int:
        if not self.customers:
            self.customer()
        return self.random.choice(self.customers)

    def _clerk(self) -> str:
        return self.random.choice(STAFF)

    def _when_open(self) -> dict[str, int]:
        while True:
            try:
                return dict(self.visitor.look("/status.json"))
            except ShopAway:
                time.sleep(0.5)

    def _all(self, stories: list[Story]) -> None:
        for story in stories:
            try:
                story()
            except ShopAway as away:
                print(f"the shop is away: {away}", flush=True)
                time.sleep(2)
            time.sleep(0.05)
