"""What subscriptions ask of hardware: how many units are active, the first by name, and those that lack something (R25)."""

from datetime import date
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from hardware.models import HardwareUnit, LackingUnit
from hardware.queries import unit_standings, unit_states
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization
from products.models import LicenseKind
from subscriptions.status_words import status_words
from tests.factories import Books

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
LATER = date(2027, 3, 5)


def lacks_of(books: Books, product: str = "camera-station") -> dict[str, dict[str, int]]:
    return {lack.serial: dict(lack.lacks) for lack in books.stand(LATER, product=product).units.lacks}


def test_the_devices_of_one_unit_are_summed_over_its_systems_and_types(books: Books) -> None:
    """R25: 5 + 4 core against 6 of them and 1 universal against none; what is enough, spare or another product's lacks nothing."""
    books.unit(START, "B-SHORT", core=6)
    books.unit(START, "A-ENOUGH", core=4, universal=1)
    books.unit(START, "C-SPARE", core=1)
    books.unit(START, "D-BARE")
    books.unit(START, "E-AUDIO", product="audio-manager", audio=2)
    books.report(START, system="One", unit="B-SHORT", core=5)
    books.report(START, system="Two", unit="B-SHORT", core=4, universal=1)
    books.report(START, system="Three", unit="A-ENOUGH", core=4, universal=1)
    books.report(START, system="Bare", unit="D-BARE", core=7)
    books.report(START, system="Sounds", product="audio-manager", unit="E-AUDIO", audio=5)
    books.report(START, system="Visitor", product="audio-manager", unit="B-SHORT", audio=9)
    assert lacks_of(books) == {"B-SHORT": {"core-device": 3, "universal-device": 1}}
    assert lacks_of(books, "audio-manager") == {"E-AUDIO": {"audio-device": 3}}
    units = books.stand(LATER).units
    assert (units.active, units.serials) == (4, ("A-ENOUGH", "B-SHORT", "C-SPARE", "D-BARE"))


def test_what_changes_on_a_unit_changes_what_it_lacks(books: Books) -> None:
    """R25, R26, R27: more devices, a system that moves or is removed, an expansion, the end of the unit."""
    unit = books.unit(START, "U1", core=2)
    books.unit(START, "U2", core=9)
    books.report(START, system="One", unit="U1", core=2)
    books.report(START, system="Two", unit="U1", core=4)
    assert lacks_of(books) == {"U1": {"core-device": 4}}
    books.report(LATER, system="Two", unit="U1", core=5)
    assert lacks_of(books) == {"U1": {"core-device": 5}}
    books.remove(LATER, system="One")
    assert lacks_of(books) == {"U1": {"core-device": 3}}
    books.redeem(LATER, kind=LicenseKind.HARDWARE, core=2)
    books.expand(LATER, unit, core=2)
    assert lacks_of(books) == {"U1": {"core-device": 1}}
    books.report(LATER, system="Two", unit="U2", core=5)
    assert lacks_of(books) == {}
    books.report(LATER, system="Two", unit="U1", core=5)
    books.retire(LATER, unit)
    assert lacks_of(books) == {}
    assert (books.stand(LATER).units.active, books.stand(LATER).units.serials) == (1, ("U2",))


def test_of_many_units_the_first_are_named_and_the_others_counted(books: Books) -> None:
    for number in range(9, 0, -1):
        books.unit(START, f"U{number}", core=1)
        books.report(START, system=f"Site {number}", unit=f"U{number}", core=2 if number > 4 else 1)
    standing = books.stand(LATER)
    assert (standing.units.active, standing.units.serials) == (9, ("U1", "U2", "U3", "U4"))
    [sentence, *_rest] = status_words(standing).sentences
    assert "U5 (Core device: 1), U6 (Core device: 1), U7 (Core device: 1) and 2 more" in sentence
    assert (standing.units.lacking, standing.units.without("U5", was_lacking=True).lacking) == (5, 4)
    for number in range(5, 10):
        books.report(LATER, system=f"Site {number}", unit=f"U{number}", core=1)
    [sentence] = status_words(books.stand(LATER)).sentences
    assert "U1, U2, U3 and 6 more" in sentence
    # Without the first, a sentence still has three to name.
    left = books.stand(LATER).units.without("U1", was_lacking=False)
    assert (left.active, left.serials, left.lacking) == (8, ("U2", "U3", "U4"), 0)


def test_it_says_of_every_unit_what_its_own_page_says(books: Books, other_organization: Organization) -> None:
    """Whatever systems and units there are, in whichever organization: one sum in the database, one by hand of each unit."""
    theirs = Books(other_organization)
    for number in range(12):
        books.unit(START, f"U{number:02}", core=number % 4, universal=number % 2)
        theirs.unit(START, f"T{number:02}", core=1)
        # Named by both, registered by one.
        theirs.report(START, system=f"Site {number}", unit=f"U{number:02}", core=40)
    for number in range(20):
        books.report(
            START, system=f"Site {number}", unit=f"U{number * 7 % 13:02}", core=number % 5, universal=number % 3
        )
    books.retire(START, HardwareUnit.objects.get(serial="U03"))
    kept = dict(LackingUnit.objects.values_list("unit", "lacks"))
    for each in (books, theirs):
        registered = each.registered()
        units = list(HardwareUnit.objects.filter(registered_product=registered, ended_on=None).order_by("serial"))
        by_hand = {state.unit.serial: state.lacks for state in unit_states(each.organization, units) if state.lacks}
        standing = unit_standings(each.organization, [registered.pk])[registered.pk]
        assert {unit.serial: kept.pop(unit.pk) for unit in units if unit.pk in kept} == by_hand
        assert [(lack.serial, lack.lacks) for lack in standing.lacks] == list(by_hand.items())
        assert (standing.active, standing.lacking) == (len(units), len(by_hand))
        if each is books:
            assert len(by_hand) == 6
    assert not kept
    assert by_hand == {}


def test_an_installation_from_before_adds_up_what_its_units_lack(
    books: Books, other_organization: Organization
) -> None:
    """The migration's sum is the one that every change keeps."""
    theirs = Books(other_organization)
    for number in range(5):
        books.unit(START, f"U{number}", core=number)
        books.report(START, system=f"Site {number}", unit=f"U{number}", core=3, universal=number % 2)
        theirs.unit(START, f"T{number}", core=1)
        theirs.report(START, system=f"Place {number}", unit=f"T{number}", core=number)
    books.remove(LATER, system="Site 0")
    books.retire(LATER, HardwareUnit.objects.get(serial="U1"))
    row = ("organization", "registered_product", "unit", "serial", "lacks")
    kept = list(LackingUnit.objects.order_by("unit").values_list(*row))
    installed = list(HardwareUnit.objects.order_by("pk").values_list("pk", "has_systems"))
    assert (len(kept), sum(has for _pk, has in installed)) == (5, 8)
    LackingUnit.objects.all().delete()
    HardwareUnit.objects.update(has_systems=False)
    import_module("hardware.migrations.0010_what_is_kept_of_units_so_far").add_up(apps, connection.schema_editor())
    assert list(LackingUnit.objects.order_by("unit").values_list(*row)) == kept
    assert list(HardwareUnit.objects.order_by("pk").values_list("pk", "has_systems")) == installed


def test_a_kept_sum_that_is_wrong_is_found(books: Books) -> None:
    """R23: put wrong, lost, or left behind by a unit that lacks nothing; each is named."""
    lacking = books.unit(START, "U1", core=1)
    books.report(START, system="One", unit="U1", core=3)
    enough = books.unit(START, "U2", core=5)
    books.report(START, system="Two", unit="U2", core=5)
    assert verify_books().differences == []
    HardwareUnit.objects.filter(pk=enough.pk).update(has_systems=False)
    assert [line for line in verify_books().differences if line.startswith(f"hardware_hardwareunit {enough.pk}:")]
    HardwareUnit.objects.filter(pk=enough.pk).update(has_systems=True)
    LackingUnit.objects.filter(unit=lacking).update(lacks={"core-device": 1})
    assert [line for line in verify_books().differences if line.startswith(f"hardware_hardwareunit {lacking.pk}:")]
    LackingUnit.objects.filter(unit=lacking).delete()
    assert [line for line in verify_books().differences if line.startswith(f"hardware_hardwareunit {lacking.pk}:")]
    LackingUnit.objects.create(
        organization=lacking.organization,
        registered_product=lacking.registered_product,
        unit=lacking,
        serial="U9",
        lacks={"core-device": 2},
    )
    LackingUnit.objects.create(
        organization=enough.organization,
        registered_product=enough.registered_product,
        unit=enough,
        serial="U2",
        lacks={"core-device": 1},
    )
    named = {line.split(":")[0] for line in verify_books().differences}
    assert f"hardware_hardwareunit {enough.pk}" in named
    assert any(line.startswith("hardware_lackingunit") for line in named)
