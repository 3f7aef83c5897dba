"""R5 and R6: registering a product by its first system, and its trial."""

from datetime import date

import pytest

from hardware.services import remove_system, report_system
from organizations.models import Organization
from products.errors import (
    QuantityOutOfRange,
    SystemGone,
    SystemIdTaken,
    SystemOfAnotherProduct,
    SystemReportsItself,
    UnknownLicenseType,
)
from products.models import DeviceCount, RegisteredProduct, System, SystemSource
from tests.factories import Books, dump_books

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)


class TestR5Registering:
    def test_a_first_system_registers_the_product_and_a_second_does_not_again(self, books: Books) -> None:
        books.report(DAY, core=2)
        books.report(date(2027, 3, 9), system="Annex", core=3, universal=1)
        registered = RegisteredProduct.objects.get(organization=books.organization)
        assert registered.registered_on == DAY
        standing = books.stand(date(2027, 3, 9))
        assert (dict(standing.devices), standing.systems) == ({"core-device": 5, "universal-device": 1}, 2)

    def test_a_report_tells_the_whole_of_a_system(self, books: Books) -> None:
        books.report(DAY, core=2, universal=4)
        books.report(date(2027, 3, 2), core=3)
        assert dict(books.stand(date(2027, 3, 2)).devices) == {"core-device": 3, "universal-device": 0}

    def test_the_same_report_again_changes_nothing(self, books: Books) -> None:
        books.report(DAY, core=2)
        before = dump_books(books.organization)
        books.report(date(2027, 3, 2), core=2)
        assert dump_books(books.organization) == before

    def test_devices_count_until_the_system_is_removed_and_its_id_is_free_then(
        self, books: Books, other_organization: Organization
    ) -> None:
        system = books.report(DAY, core=2)
        books.remove(date(2027, 3, 2))
        assert books.stand(date(2027, 3, 2)).devices["core-device"] == 0
        with pytest.raises(SystemGone):
            remove_system(system=system, actor=None, on=date(2027, 3, 2))
        taken = report_system(
            organization=other_organization,
            product=books.products["camera-station"],
            system_id=system.system_id,
            devices={"core-device": 7},
            source=SystemSource.ONLINE,
            actor=None,
            on=date(2027, 3, 2),
        )
        assert taken.organization == other_organization

    def test_a_system_removed_and_reported_on_one_day_counts_once(self, books: Books) -> None:
        books.report(DAY, core=2)
        books.remove(DAY)
        books.report(DAY, core=5)
        assert books.stand(DAY).devices["core-device"] == 5
        assert System.objects.filter(removed_on=None).count() == 1

    def test_the_id_of_another_organizations_system_is_refused_and_nothing_is_registered(
        self, books: Books, other_organization: Organization
    ) -> None:
        system = books.report(DAY, core=2)
        with pytest.raises(SystemIdTaken) as refused:
            report_system(
                organization=other_organization,
                product=books.products["audio-manager"],
                system_id=system.system_id,
                devices={},
                source=SystemSource.ONLINE,
                actor=None,
                on=DAY,
            )
        assert books.organization.name not in refused.value.sentence
        assert not RegisteredProduct.objects.filter(organization=other_organization).exists()

    def test_a_system_belongs_to_one_product(self, books: Books) -> None:
        books.report(DAY, core=2)
        with pytest.raises(SystemOfAnotherProduct):
            books.report(DAY, product="audio-manager", audio=1)
        assert not RegisteredProduct.objects.filter(product__code="audio-manager").exists()

    def test_unknown_types_and_impossible_numbers_are_refused(self, books: Books) -> None:
        with pytest.raises(UnknownLicenseType):
            books.report(DAY, audio=1)
        for quantity in (-1, 1_000_001, 10**30):
            with pytest.raises(QuantityOutOfRange):
                books.report(DAY, core=quantity)
        assert not System.objects.exists()

    def test_a_system_entered_by_hand_is_edited_until_it_reports_itself(self, books: Books) -> None:
        books.report(DAY, source=SystemSource.MANUAL, core=1)
        books.report(DAY, source=SystemSource.MANUAL, core=2)
        books.report(DAY, source=SystemSource.ONLINE, core=3)
        with pytest.raises(SystemReportsItself):
            books.report(DAY, source=SystemSource.MANUAL, core=4)
        assert books.stand(DAY).devices["core-device"] == 3

    def test_counts_are_dated_without_a_gap(self, books: Books) -> None:
        for day, count in ((1, 2), (1, 3), (4, 5), (4, 6), (9, 6), (11, 0)):
            books.report(date(2027, 3, day), core=count)
        rows = DeviceCount.objects.filter(license_type__code="core-device").order_by("from_on")
        assert list(rows.values_list("from_on", "until_on", "quantity")) == [
            (date(2027, 3, 1), date(2027, 3, 4), 3),
            (date(2027, 3, 4), date(2027, 3, 11), 6),
            (date(2027, 3, 11), None, 0),
        ]


class TestR6Trial:
    def test_the_last_day_of_a_trial_is_the_day_of_registering_plus_its_days(self, books: Books) -> None:
        # 2027-03-01 + 30 days = 2027-03-31.
        books.report(DAY, core=2)
        assert books.registered().trial_last_on == date(2027, 3, 31)
        assert books.describe(date(2027, 3, 31))["status"] == "trial"
        assert books.describe(date(2027, 4, 1))["status"] == "trial_ended"

    def test_over_29_february(self, books: Books) -> None:
        # 2028-01-31 + 30: 29 days of February, then 1 March.
        books.report(date(2028, 1, 31), core=2)
        assert books.registered().trial_last_on == date(2028, 3, 1)

    def test_a_product_without_a_trial_is_not_started(self, books: Books) -> None:
        books.report(DAY, product="audio-manager", audio=2)
        assert books.describe(DAY, product="audio-manager")["status"] == "not_started"

    def test_starting_ends_the_trial(self, books: Books) -> None:
        books.report(DAY, core=2)
        books.start(date(2027, 3, 5))
        assert books.describe(date(2027, 3, 5))["status"] == "started"

    def test_a_product_is_tried_once(self, books: Books) -> None:
        books.report(DAY, core=2)
        books.remove(date(2027, 4, 2))
        books.report(date(2027, 4, 5), core=2)
        assert books.describe(date(2027, 4, 5))["status"] == "trial_ended"

    def test_a_catalogue_that_changes_its_trial_changes_no_trial_that_runs(self, books: Books) -> None:
        books.report(DAY, core=2)
        product = books.products["camera-station"]
        product.trial_days = 90
        product.save()
        assert books.describe(date(2027, 4, 1))["status"] == "trial_ended"
