"""Sixteen clients change the same books at once; afterwards the model does the same one by one, in the order of the locks.

Each change notes its place in that order when the portal has locked its organization (which this does not do for it), and the
numbers of the transfers that it wrote, which have to grow in the same order. Replayed so, each refusal and every number has to
be the model's.
"""

import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from django.db import connections

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.ending import retire_unit
from hardware.expanding import expand_unit
from hardware.models import HardwareUnit
from hardware.services import register_unit, remove_system, report_system
from licensemgr.core import clock
from licensemgr.portal.playing import Player
from licensemgr.portal.verifying import verify_books
from organizations import books
from organizations.models import Organization
from organizations.services import create_organization
from products.models import RegisteredProduct, System, SystemSource
from subscriptions.queries import product_standing
from subscriptions.releasing import release_year
from subscriptions.services import allocate_licenses, start_subscription
from tests.rules import drawing, model
from tests.rules.noting import Done, Noting
from wallet.models import Redemption, Transfer
from wallet.services import issue_license_keys, redeem_license_key, undo_redemption

CLIENTS, ORGANIZATIONS = 16, 3
# Changes between two comparisons, at which a new day begins; and how many days the same organizations live.
CHANGES_OF_A_DAY, DAYS = 100, 12
UNITS = {
    "H1": ("camera-station", {"core-device": 2, "universal-device": 1}),
    "H2": ("audio-manager", {"audio-device": 3}),
}


class Client:
    """One of those who work at once: draws a change by what it sees, which may be another thing when it is done."""

    def __init__(self, world: "World", rng: random.Random) -> None:
        self._world, self._rng = world, rng

    def change(self, number: int) -> Done | None:
        """A change of that organization; None where what was drawn is not possible at all."""
        name, told = "", dict[str, Any]()
        while name in ("", "let_time_pass", "settle", "redeem_a_key_again"):
            name, told = drawing.step(self._rng)
        product = told.get("product", "camera-station")
        drawn: tuple[Done, Callable[[], Any]] | None = getattr(self, f"_{name}")(number, product, told)
        return None if drawn is None else self._world.noting.perform(*drawn)

    def _fixed(self, number: int) -> dict[str, Any]:
        return {"actor": None, "on": self._world.today}

    def _registered(self, number: int, product: str) -> RegisteredProduct | None:
        return (
            RegisteredProduct.objects.select_related("organization", "product")
            .filter(organization=self._world.real[number], product__code=product)
            .first()
        )

    def _devices(self, product: str, pair: tuple[int, int]) -> dict[str, int]:
        return dict(zip(model.CATALOGUE[product][1], pair, strict=False))

    def _report(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]]:
        devices = self._devices(product, told["quantities"])
        done = Done("report", (product, told["system"], devices, told["unit"]))
        return done, lambda: report_system(
            organization=self._world.fresh(number),
            product=self._world.player.products[product],
            system_id=self._world.system_id(number, told["system"]),
            devices=devices,
            source=SystemSource.ONLINE,
            unit_serial=self._world.serial(number, told["unit"]) if told["unit"] else "",
            **self._fixed(number),
        )

    def _register_unit(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]]:
        serial = self._world.serial(number, told["unit"])
        done = Done("unit", (UNITS[told["unit"]][0], told["unit"], UNITS[told["unit"]][1]))
        return done, lambda: register_unit(
            organization=self._world.fresh(number), serial=serial, oak=f"oak-{serial}", **self._fixed(number)
        )

    def _unit(self, number: int, which: int) -> tuple[str, str, HardwareUnit] | None:
        name = drawing.SERIALS[which % len(drawing.SERIALS)]
        found = HardwareUnit.objects.select_related("organization").filter(
            organization=self._world.real[number], serial=self._world.serial(number, name)
        )
        unit = found.first()
        return None if unit is None else (UNITS[name][0], name, unit)

    def _expand(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]] | None:
        found = self._unit(number, told["which"])
        if found is None:
            return None
        product, name, unit = found
        lines = self._devices(product, told["quantities"])
        return Done("expand", (product, name, lines)), lambda: expand_unit(
            unit=unit, quantities=lines, nonce=uuid.uuid4(), **self._fixed(number)
        )

    def _retire(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]] | None:
        found = self._unit(number, told["which"])
        if found is None:
            return None
        product, name, unit = found
        return Done("retire", (product, name)), lambda: retire_unit(unit=unit, **self._fixed(number))

    def _remove(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]] | None:
        system = (
            System.objects.select_related("organization")
            .filter(system_id=self._world.system_id(number, told["system"]), removed_on=None)
            .first()
        )
        if system is None:
            return None
        return Done("remove", (told["system"],)), lambda: remove_system(system=system, **self._fixed(number))

    def _start(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]] | None:
        registered = self._registered(number, product)
        if registered is None:
            return None
        return Done("start", (product,)), lambda: start_subscription(
            registered_product=registered, **self._fixed(number)
        )

    def _redeem(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]] | None:
        registered = self._registered(number, product)
        licenses = self._devices(product, told["quantities"])
        if registered is None or not any(licenses.values()):
            return None
        [key] = issue_license_keys(
            product=registered.product, kind=told["kind"], licenses=licenses, count=1, actor=None
        )
        return Done("redeem", (product, licenses, told["kind"])), lambda: redeem_license_key(
            registered_product=registered, license_key=key, **self._fixed(number)
        )

    def _undo(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]] | None:
        found = Redemption.objects.select_related("organization").filter(
            organization=self._world.real[number], registered_product__product__code=product
        )
        redemptions = list(found.order_by("-pk")[: told["recent"] + 1])
        if not redemptions:
            return None
        redemption = redemptions[-1]
        return Done("undo", (product, redemption.pk)), lambda: undo_redemption(
            redemption=redemption, **self._fixed(number)
        )

    def _release(self, number: int, product: str, told: dict[str, Any]) -> tuple[Done, Callable[[], Any]] | None:
        registered = self._registered(number, product)
        if registered is None:
            return None
        standing = product_standing(registered, self._world.today)
        # Read in several steps: another client may start the subscription, and allocate, between them.
        years = standing.years if standing.started_on else ()
        allocated = [year.offset for year in years if any(year.allocated.values())]
        offset = max(0, max(allocated, default=0) - told["back"])
        current = years[0].year.number if years else 0
        return Done("release", (product, offset, told["accept"])), lambda: release_year(
            registered_product=registered,
            number=current + offset,
            nonce=uuid.uuid4(),
            accept_expiry=told["accept"],
            **self._fixed(number),
        )

    def _allocate_what_is_missing(
        self, number: int, product: str, told: dict[str, Any]
    ) -> tuple[Done, Callable[[], Any]] | None:
        registered = self._registered(number, product)
        if registered is None:
            return None
        standing = product_standing(registered, self._world.today)
        plan = {
            year.offset: dict(year.missing)
            for year in standing.years[: told["years"]]
            if year.offset != told["skip"] + 1
        }
        return self._allocate(registered, product, plan, number)

    def _allocate_anything(
        self, number: int, product: str, told: dict[str, Any]
    ) -> tuple[Done, Callable[[], Any]] | None:
        registered = self._registered(number, product)
        if registered is None:
            return None
        plan = {offset: self._devices(product, pair) for offset, pair in enumerate(told["entered"])}
        return self._allocate(registered, product, plan, number)

    def _allocate(
        self, registered: RegisteredProduct, product: str, plan: dict[int, dict[str, int]], number: int
    ) -> tuple[Done, Callable[[], Any]]:
        return Done("allocate", (product, plan)), lambda: allocate_licenses(
            registered_product=registered, plan=plan, nonce=uuid.uuid4(), **self._fixed(number)
        )


class World:
    """Some organizations, from a first day on."""

    def __init__(self, rng: random.Random, noting: Noting) -> None:
        self._rng, self.noting = rng, noting
        self.player = Player()
        self.today: date = drawing.first_day(rng)
        self.real = [
            create_organization(name=f"At once {uuid.uuid4()}", actor=None, on=self.today)
            for _number in range(ORGANIZATIONS)
        ]
        self._expected = [model.Organization(self.today) for _number in range(ORGANIZATIONS)]
        # The redemptions of each organization's products, in the order of the model's.
        self._redemptions: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        self._last_transfer = [0] * ORGANIZATIONS
        for number in range(ORGANIZATIONS):
            for name, (product, preloaded) in UNITS.items():
                made_for = ensure_hardware_model(self.player.products[product], preloaded)
                serial = self.serial(number, name)
                add_manufactured_unit(serial=serial, hardware_model=made_for, oak=f"OAK {serial}")

    def fresh(self, number: int) -> Organization:
        """The organization, read anew, as each request does."""
        return Organization.objects.get(pk=self.real[number].pk)

    def serial(self, number: int, name: str) -> str:
        """The serial number that goes with a name in an organization."""
        return f"{self.real[number].pk}-{name}"

    def system_id(self, number: int, name: str) -> uuid.UUID:
        """The system id that goes with a name in an organization."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.real[number].pk}/{name}")

    def live(self) -> Iterator[int]:
        """Day after day; tells how many changes each had. Raises AssertionError where the portal and the model differ."""
        for _day in range(DAYS):
            done = self._work()
            for number, of_one in done.items():
                self._replay(number, of_one)
            self._compare()
            yield sum(len(of_one) for of_one in done.values())
            self.today += timedelta(days=drawing.days(self._rng))
            for number, expected in enumerate(self._expected):
                expected.move_to(self.today)
                books.settle(self.real[number], self.today)
                self._note_settled(number)
            self._compare()
        found = verify_books()
        assert not found.differences, found.differences[:20]

    def _work(self) -> dict[int, list[Done]]:
        """All clients at once, until there were so many changes."""
        done: dict[int, list[Done]] = {number: [] for number in range(ORGANIZATIONS)}
        failures: list[BaseException] = []
        start = threading.Barrier(CLIENTS)

        def work(seed: float) -> None:
            rng = random.Random(seed)
            client = Client(self, rng)
            start.wait(timeout=60)
            try:
                while not failures and sum(map(len, done.values())) < CHANGES_OF_A_DAY:
                    number = rng.randrange(ORGANIZATIONS)
                    change = client.change(number)
                    if change is not None:
                        done[number].append(change)
            except BaseException as error:
                failures.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=(self._rng.random(),)) for _client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return done

    def _replay(self, number: int, done: list[Done]) -> None:
        """The model does the same, in the order of the locks."""
        locked = sorted((each for each in done if each.place), key=lambda each: each.place)
        for each in locked:
            refused = self._ask_model(number, each)
            assert refused == each.refused, f"{each}: the model says {refused}"
            for sequence in each.transfers if not each.refused else ():
                assert sequence > self._last_transfer[number], f"{each} wrote transfer {sequence} out of turn"
                self._last_transfer[number] = sequence
        # What was refused before anything was locked has changed nothing, or the numbers would differ.
        assert all(each.refused for each in done if not each.place)

    def _note_settled(self, number: int) -> None:
        last = Transfer.objects.filter(organization=self.real[number]).order_by("-sequence").first()
        self._last_transfer[number] = last.sequence if last else 0

    def _ask_model(self, number: int, done: Done) -> str | None:
        expected = self._expected[number]
        if done.what == "remove":
            [system] = done.told
            is_there = any(system in product.systems for product in expected.products.values())
            if done.refused is None:
                assert is_there, f"{done} was not there"
                expected.remove(system)
            # Refused: the row that was read was removed meanwhile; another of the same name may be there again.
            return done.refused and "removed"
        if done.what == "undo":
            product, redemption = done.told
            return expected.undo(product, self._redemptions[number, product].index(redemption))
        refused: str | None = getattr(expected, done.what)(*done.told)
        if done.what == "redeem" and refused is None:
            self._redemptions[number, done.told[0]].append(done.made)
        return refused

    def _compare(self) -> None:
        for number, expected in enumerate(self._expected):
            found = self.player.stand(self.fresh(number), self.today)
            assert found == expected.then(), f"organization {number} on {self.today}: {found} and {expected.then()}"


def histories(seed: str, number: int) -> Iterator[int]:
    """Worlds one after the other, until there were so many changes; tells how many, day by day."""
    changed = world = 0
    with Noting() as noting, clock.jumps_allowed():
        while changed < number:
            name = f"{seed}/{world}"
            try:
                for done in World(random.Random(name), noting).live():
                    changed += done
                    yield done
            except BaseException as error:
                error.add_note(f"The world is drawn by random.Random({name!r}); threads take their own turns.")
                raise
            world += 1
