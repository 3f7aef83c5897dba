"""Random histories of three organizations against the small model; conservation (R23) after every step.

``SOAK_RUNS`` sets how many histories of 50 steps are drawn (50 when it is not set).
"""

import os
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.ending import retire_unit
from hardware.expanding import expand_unit
from hardware.models import HardwareUnit
from hardware.services import register_unit, remove_system, report_system
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.portal.playing import Player
from organizations.books import settle
from organizations.models import Organization
from products.models import System, SystemSource
from subscriptions.models import Allocation
from subscriptions.releasing import release_year
from tests.factories import Books, OrganizationFactory, check_conservation, dump_books
from tests.rules import model
from wallet.models import Redemption
from wallet.services import issue_license_keys, redeem_license_key, undo_redemption

RUNS = int(os.environ.get("SOAK_RUNS") or 50)
# Run side by side where there are several workers.
PARTS = 5

ORGANIZATIONS = st.sampled_from([0, 0, 0, 1, 2])
PRODUCTS = st.sampled_from(["camera-station", "camera-station", "audio-manager"])
SYSTEMS = st.sampled_from(["A", "B", "C"])
# Most systems are on no unit.
SERIALS = ["H1", "H2"]
UNITS = st.sampled_from(["", "", *SERIALS])
QUANTITY = st.one_of(st.integers(0, 4), st.integers(0, 30))
# Days before, on and after what the rules count: grace, years, a trial; and leaps over years.
DAYS = st.one_of(
    st.sampled_from([1, 6, 7, 8, 29, 30, 31, 32, 334, 335, 364, 365, 366, 1826, 1827]),
    st.integers(0, 40),
    st.integers(0, 800),
)
FIRST_DAYS = st.one_of(
    st.sampled_from([date(2028, 2, 29), date(2028, 2, 28), date(2028, 3, 1), date(2027, 12, 31), date(2024, 2, 29)]),
    st.dates(date(2020, 1, 1), date(2060, 12, 31)),
)


class Histories(RuleBasedStateMachine):
    """The services and the model, side by side, in one transaction that is rolled back at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.jumps = clock.jumps_allowed()
        self.jumps.__enter__()

    def teardown(self) -> None:
        try:
            for number in range(len(getattr(self, "real", []))):
                self.agree(number)
        finally:
            self.jumps.__exit__(None, None, None)
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @initialize(today=FIRST_DAYS, beginnings=st.tuples(*[st.integers(0, 4)] * 3), years=st.integers(2, 6))
    def begin(self, today: date, beginnings: tuple[int, int, int], years: int) -> None:
        self.player = Player()
        self.today = today
        self.real = [
            OrganizationFactory.create(on=today, time_zone=zone) for zone in ("UTC", "Pacific/Kiritimati", "UTC")
        ]
        self.expected = [model.Organization(today) for _number in range(3)]
        self.last: dict[int, tuple[str, dict[int, dict[str, int]], uuid.UUID]] = {}
        # The keys that were redeemed, in the order of the model's redemptions.
        self.keys: dict[tuple[int, str], list[str]] = {}
        for number, beginning in enumerate(beginnings):
            self.live_until(number, beginning, years)

    def live_until(self, number: int, beginning: int, years: int) -> None:
        """Most histories begin in the middle, as nearly nothing is possible before a product is registered and started."""
        if beginning >= 1:
            for product in ("camera-station", "audio-manager"):
                self.report(number, product, product, (3, 2))
        if beginning >= 2:
            self.start(number, "camera-station")
        if beginning >= 3:
            self.redeem(number, "camera-station", (40, 30))
            self.redeem(number, "audio-manager", (9, 0))
            self.redeem(number, "camera-station", (12, 12), "hardware")
            self.register_unit(number, "camera-station", "H1", (2, 1))
        if beginning >= 4:
            self.allocate_what_is_missing(number, "camera-station", years, 6)

    def agree(self, number: int) -> None:
        """The pages say what the model says, and the books are whole."""
        organization = Organization.objects.get(pk=self.real[number].pk)
        assert self.player.stand(organization, self.today) == self.expected[number].then()
        check_conservation(organization)

    def act(self, number: int, expected: str | None, change: Any) -> None:
        """Do it for real; refusals have to agree, and change nothing."""
        before = dump_books(self.real[number]) if expected else None
        refused: str | None = None
        try:
            change()
        except Refused as error:
            refused = error.code
        assert refused == expected
        if expected:
            assert dump_books(self.real[number]) == before
        self.agree(number)

    def books(self, number: int, product: str = "camera-station") -> Books:
        return Books(self.real[number], product, self.player.products)

    @rule(days=DAYS)
    def let_time_pass(self, days: int) -> None:
        self.today += timedelta(days=days)
        for expected in self.expected:
            expected.move_to(self.today)
        self.agree(0)

    @rule(number=ORGANIZATIONS)
    def settle(self, number: int) -> None:
        settle(self.real[number], self.today)
        self.agree(number)

    @rule(number=ORGANIZATIONS, product=PRODUCTS, system=SYSTEMS, quantities=st.tuples(QUANTITY, QUANTITY), unit=UNITS)
    def report(self, number: int, product: str, system: str, quantities: tuple[int, int], unit: str = "") -> None:
        devices = dict(zip(self.expected[number].products[product].types, quantities, strict=False))
        self.act(
            number,
            self.expected[number].report(product, system, devices, unit),
            lambda: report_system(
                organization=self.real[number],
                product=self.player.products[product],
                system_id=self.books(number).system_id(system),
                devices=devices,
                source=SystemSource.ONLINE,
                actor=None,
                on=self.today,
                unit_serial=self.serial(number, unit) if unit else "",
            ),
        )

    def serial(self, number: int, unit: str) -> str:
        return f"{self.real[number].pk}-{unit}"

    @rule(
        number=ORGANIZATIONS,
        product=PRODUCTS,
        unit=st.sampled_from(SERIALS),
        quantities=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    )
    def register_unit(self, number: int, product: str, unit: str, quantities: tuple[int, int]) -> None:
        preloaded = dict(zip(self.expected[number].products[product].types, quantities, strict=False))
        expected = self.expected[number].unit(product, unit, preloaded)
        serial = self.serial(number, unit)
        if expected is None:
            model = ensure_hardware_model(self.player.products[product], preloaded)
            add_manufactured_unit(serial=serial, hardware_model=model, oak=f"OAK {serial}")
        self.act(
            number,
            expected,
            lambda: register_unit(
                organization=self.real[number], serial=serial, oak=f"oak-{serial}", actor=None, on=self.today
            ),
        )

    def units(self, number: int) -> list[tuple[str, str]]:
        """The registered units: product and name."""
        return [(code, unit) for code, product in self.expected[number].products.items() for unit in product.units]

    @rule(number=ORGANIZATIONS, which=st.integers(0, 3), quantities=st.tuples(st.integers(0, 9), st.integers(0, 9)))
    def expand(self, number: int, which: int, quantities: tuple[int, int]) -> None:
        units = self.units(number)
        if which < len(units):
            product, unit = units[which]
            lines = dict(zip(self.expected[number].products[product].types, quantities, strict=False))
            found = HardwareUnit.objects.get(organization=self.real[number], serial=self.serial(number, unit))
            self.act(
                number,
                self.expected[number].expand(product, unit, lines),
                lambda: expand_unit(unit=found, quantities=lines, nonce=uuid.uuid4(), actor=None, on=self.today),
            )

    @rule(number=ORGANIZATIONS, which=st.integers(0, 3))
    def retire(self, number: int, which: int) -> None:
        units = self.units(number)
        if which < len(units):
            product, unit = units[which]
            found = HardwareUnit.objects.get(organization=self.real[number], serial=self.serial(number, unit))
            self.act(
                number,
                self.expected[number].retire(product, unit),
                lambda: retire_unit(unit=found, actor=None, on=self.today),
            )

    @rule(number=ORGANIZATIONS, system=SYSTEMS)
    def remove(self, number: int, system: str) -> None:
        found = System.objects.filter(system_id=self.books(number).system_id(system), removed_on=None).first()
        assert (found is not None) == any(system in p.systems for p in self.expected[number].products.values())
        if found is not None:
            self.expected[number].remove(system)
            remove_system(system=found, actor=None, on=self.today)
            self.agree(number)

    @rule(number=ORGANIZATIONS, product=PRODUCTS)
    def start(self, number: int, product: str) -> None:
        if self.expected[number].products[product].registered is not None:
            self.act(
                number, self.expected[number].start(product), lambda: self.books(number, product).start(self.today)
            )

    @rule(
        number=ORGANIZATIONS,
        product=PRODUCTS,
        quantities=st.tuples(st.integers(0, 60), st.integers(0, 60)),
        kind=st.sampled_from(["subscription", "subscription", "hardware"]),
    )
    def redeem(self, number: int, product: str, quantities: tuple[int, int], kind: str = "subscription") -> None:
        licenses = dict(zip(self.expected[number].products[product].types, quantities, strict=False))
        if self.expected[number].products[product].registered is not None:
            self.act(
                number,
                self.expected[number].redeem(product, licenses, kind),
                lambda: self.redeem_new(number, product, licenses, kind),
            )

    def redeem_new(self, number: int, product: str, licenses: dict[str, int], kind: str) -> None:
        [key] = issue_license_keys(
            product=self.player.products[product], kind=kind, licenses=licenses, count=1, actor=None
        )
        self.redeem_key(number, product, key)

    def redeem_key(self, number: int, product: str, key: str) -> None:
        registered = self.books(number, product).registered()
        redeem_license_key(registered_product=registered, license_key=key, actor=None, on=self.today)
        self.keys.setdefault((number, product), []).append(key)

    @rule(number=ORGANIZATIONS, product=PRODUCTS, recent=st.integers(0, 3))
    def undo(self, number: int, product: str, recent: int) -> None:
        redemptions = self.expected[number].products[product].redemptions
        if recent < len(redemptions):
            index = len(redemptions) - 1 - recent
            found = Redemption.objects.filter(
                organization=self.real[number], registered_product__product__code=product
            ).order_by("pk")[index]
            self.act(
                number,
                self.expected[number].undo(product, index),
                lambda: undo_redemption(redemption=found, actor=None, on=self.today),
            )

    @rule(number=ORGANIZATIONS, into=ORGANIZATIONS, product=PRODUCTS, recent=st.integers(0, 3))
    def redeem_a_key_again(self, number: int, into: int, product: str, recent: int) -> None:
        redemptions = self.expected[number].products[product].redemptions
        if recent >= len(redemptions) or self.expected[into].products[product].registered is None:
            return
        index = len(redemptions) - 1 - recent
        key = self.keys[number, product][index]
        holder = self.holder_of(key)
        expected = (
            self.expected[into].redeem(product, redemptions[index].licenses, redemptions[index].lots[0].kind)
            if holder is None
            else ("key redeemed" if holder == into else "key unknown")
        )
        self.act(into, expected, lambda: self.redeem_key(into, product, key))

    def holder_of(self, key: str) -> int | None:
        """The organization in whose wallet a key's redemption counts."""
        for (number, product), keys in self.keys.items():
            for found, redemption in zip(keys, self.expected[number].products[product].redemptions, strict=True):
                if found == key and not redemption.undone:
                    return number
        return None

    @rule(number=ORGANIZATIONS, product=PRODUCTS, back=st.sampled_from([0, 0, 0, 1, -1, 5]), accept=st.booleans())
    def release(self, number: int, product: str, back: int, accept: bool) -> None:
        expected = self.expected[number]
        if expected.products[product].registered is None:
            return
        offset = max(0, expected.last_allocated(product) - back)
        year = expected.number() + offset if expected.anchor is not None else offset
        self.act(
            number,
            expected.release(product, offset, accept),
            lambda: release_year(
                registered_product=self.books(number, product).registered(),
                number=year,
                nonce=uuid.uuid4(),
                accept_expiry=accept,
                actor=None,
                on=self.today,
            ),
        )

    def allocate(self, number: int, product: str, plan: dict[int, dict[str, int]]) -> None:
        if self.expected[number].products[product].registered is None:
            return
        nonce = uuid.uuid4()
        expected = self.expected[number].allocate(product, plan)
        self.act(number, expected, lambda: self.confirm(number, product, plan, nonce))
        if expected is None:
            self.last[number] = (product, plan, nonce)

    def confirm(self, number: int, product: str, plan: dict[int, dict[str, int]], nonce: uuid.UUID) -> Allocation:
        years = [
            {c.replace("-", "_"): n for c, n in plan.get(offset, {}).items()}
            for offset in range(max(plan, default=0) + 1)
        ]
        return self.books(number, product).allocate(self.today, *years, nonce=nonce)

    @rule(number=ORGANIZATIONS, product=PRODUCTS, years=st.integers(1, 7), skip=st.sampled_from([6, 6, 6, 0, 1, 2]))
    def allocate_what_is_missing(self, number: int, product: str, years: int, skip: int) -> None:
        expected = self.expected[number]
        if expected.products[product].started is None:
            return
        now = expected.number()
        plan = {
            offset: expected.products[product].missing(now + offset, now)
            for offset in range(years)
            if offset != skip + 1
        }
        self.allocate(number, product, plan)

    @rule(
        number=ORGANIZATIONS,
        product=PRODUCTS,
        entered=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=4),
    )
    def allocate_anything(self, number: int, product: str, entered: list[tuple[int, int]]) -> None:
        types = self.expected[number].products[product].types
        self.allocate(
            number, product, {offset: dict(zip(types, pair, strict=False)) for offset, pair in enumerate(entered)}
        )

    @precondition(lambda self: bool(getattr(self, "last", None)))
    @rule(data=st.data())
    def send_a_confirmation_again(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.last)))
        product, plan, nonce = self.last[number]
        settle(self.real[number], self.today)
        before = dump_books(self.real[number])
        self.confirm(number, product, plan, nonce)
        assert dump_books(self.real[number]) == before


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("part", range(PARTS))
def test_state_machine_of_random_histories_agrees_with_the_model(part: int) -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=max(1, RUNS // PARTS),
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
