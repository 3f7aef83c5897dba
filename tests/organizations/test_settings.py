"""An organization's settings, the time zone that counts from the next day, and more organizations (R1, R3, R32, R35)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from history.models import Action, Record
from licensemgr.core import clock
from licensemgr.portal.daily import run_daily
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member, change_organization, create_own_organization
from products.models import System
from tests.conftest import FrozenClock
from tests.factories import Books, OrganizationFactory
from wallet.models import Transfer, TransferReason

pytestmark = pytest.mark.django_db
WEST, EAST = "Pacific/Pago_Pago", "Pacific/Kiritimati"  # UTC-11, UTC+14
ZoneChange = Callable[..., Organization]


def form(**changes: str) -> dict[str, str]:
    """The form of the settings as ``organization`` has them, with changes."""
    return {"name": "Harbour Cameras", "country": "", "time_zone": "UTC", "notices_email": ""} | changes


def url(name: str, slug: str = "harbour") -> str:
    """The address of a page of an organization."""
    return reverse(name, args=[slug])


class TestSettings:
    def test_name_country_and_contact_count_at_once_and_are_on_history(
        self, administrator_client: Client, viewer_client: Client, organization: Organization
    ) -> None:
        sent = form(name="  Harbour \t& Sons ", country="NO", notices_email="licenses@example.com")
        answer = administrator_client.post(url("organization_settings"), sent, follow=True)
        assert answer.redirect_chain == [(url("organization_settings"), 303)]
        page = answer.content.decode()
        assert "The settings are saved." in page
        assert 'value="Harbour &amp; Sons"' in page
        organization.refresh_from_db()
        assert (organization.name, organization.country) == ("Harbour & Sons", "NO")
        assert organization.notices_email == "licenses@example.com"
        told = viewer_client.get(url("history")).content.decode()
        assert "name from “Harbour Cameras” to “Harbour &amp; Sons”" in told
        assert "contact for notices" in told
        # An address may be a person's: it stays outside of what can never be changed.
        assert not Record.objects.filter(search_text__contains="licenses@").exists()

    def test_saving_what_is_there_changes_nothing(
        self, administrator_client: Client, organization: Organization
    ) -> None:
        assert administrator_client.post(url("organization_settings"), form()).status_code == 303
        assert not Record.objects.filter(action=Action.ORGANIZATION_CHANGED).exists()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": ""},
            {"name": " \n "},
            {"name": "x" * 121},
            {"country": "Sweden"},
            {"time_zone": "Mars/Olympus"},
            {"time_zone": ""},
            {"notices_email": "nobody"},
        ],
        ids=["empty", "blank", "long", "country", "zone", "no zone", "contact"],
    )
    def test_what_can_not_be_is_told_and_what_was_typed_stays(
        self, administrator_client: Client, organization: Organization, wrong: dict[str, str]
    ) -> None:
        answer = administrator_client.post(url("organization_settings"), form(country="SE") | wrong)
        assert answer.status_code == 422
        assert "Nothing has been changed. Please check this" in answer.content.decode()
        organization.refresh_from_db()
        assert (organization.name, organization.country) == ("Harbour Cameras", "")

    def test_a_time_zone_and_a_country_that_are_stored_can_be_kept(
        self, administrator_client: Client, organization: Organization
    ) -> None:
        Organization.objects.filter(pk=organization.pk).update(time_zone="Etc/GMT+5", country="ZZ")
        sent = form(name="Kept", time_zone="Etc/GMT+5", country="ZZ")
        assert administrator_client.post(url("organization_settings"), sent).status_code == 303
        organization.refresh_from_db()
        assert (organization.name, organization.time_zone, organization.country) == ("Kept", "Etc/GMT+5", "ZZ")

    def test_a_call_that_names_no_contact_leaves_it(self, organization: Organization, today: date) -> None:
        for contact in ("a@example.com", None):
            change_organization(
                organization=organization,
                name="Named",
                country="",
                time_zone="UTC",
                notices_email=contact,
                actor=None,
                on=today,
            )
        organization.refresh_from_db()
        assert organization.notices_email == "a@example.com"


@pytest.fixture
def change_zone(organization: Organization) -> ZoneChange:
    """Changes the time zone of ``organization``, and returns it fresh."""

    def change(time_zone: str) -> Organization:
        organization.refresh_from_db()
        change_organization(
            organization=organization,
            name=organization.name,
            country="",
            time_zone=time_zone,
            actor=None,
            on=clock.today(organization),
        )
        return Organization.objects.get(pk=organization.pk)

    return change


def days_seen(organization: Organization, frozen_clock: FrozenClock, hours: int) -> list[date]:
    """Today, hour by hour from the clock's instant on; the daily job runs each hour and must not fail."""
    seen: list[date] = []
    for _hour in range(hours):
        frozen_clock.instant += timedelta(hours=1)
        assert not run_daily().failed
        organization.refresh_from_db()
        seen.append(clock.today(organization))
    return seen


class TestTimeZone:
    def test_it_counts_from_the_next_day_and_the_page_says_so(
        self, administrator_client: Client, organization: Organization, frozen_clock: FrozenClock
    ) -> None:
        page = administrator_client.post(
            url("organization_settings"), form(time_zone="Asia/Tokyo"), follow=True
        ).content.decode()
        assert "The time zone Asia/Tokyo counts from March 2, 2027 on. Until that day begins, UTC counts." in page
        frozen_clock.move_to(date(2027, 3, 1), at=datetime.max.time())
        organization.refresh_from_db()
        assert clock.today(organization) == date(2027, 3, 1)
        frozen_clock.move_to(date(2027, 3, 2), at=datetime.min.time())
        assert clock.local_date(clock.now(), organization.time_zone_at(clock.now())) == date(2027, 3, 2)
        frozen_clock.instant += timedelta(hours=15)
        assert clock.today(organization) == date(2027, 3, 3)
        assert "Until that day begins" not in administrator_client.get(url("organization_settings")).content.decode()

    def test_to_the_far_east_and_back_today_never_goes_back(
        self, change_zone: ZoneChange, frozen_clock: FrozenClock
    ) -> None:
        """UTC-11 to UTC+14: a day is jumped over; back: one lasts long. Never does today go back (R1)."""
        change_zone(WEST)
        frozen_clock.move_to(date(2027, 3, 2))
        organization = change_zone(EAST)
        # 2 March in the west, where its day ends at 11:00 UTC of the 3rd; then it is the 4th in the east.
        assert clock.today(organization) == date(2027, 3, 2)
        assert organization.former_time_zone == WEST
        assert organization.time_zone_since == datetime(2027, 3, 3, 11, tzinfo=UTC)
        seen = days_seen(organization, frozen_clock, 24)
        assert seen == [date(2027, 3, 2)] * 22 + [date(2027, 3, 4)] * 2
        organization = change_zone(WEST)
        # 4 March in the east ends at 10:00 UTC of the 4th, when it is still the 2nd in the west.
        assert organization.time_zone_since == datetime(2027, 3, 4, 10, tzinfo=UTC)
        seen = days_seen(organization, frozen_clock, 72)
        assert seen == sorted(seen)
        # It stays the 4th, to which the books are settled, until the west has come to the 5th at 11:00 UTC.
        assert seen.index(date(2027, 3, 5)) == 46
        assert set(seen) == {date(2027, 3, day) for day in (4, 5, 6)}

    def test_what_was_due_on_a_day_that_was_jumped_over_is_dated_by_it(
        self, books: Books, change_zone: ZoneChange, frozen_clock: FrozenClock
    ) -> None:
        """R3: the day on which a lot expires does not exist for the organization, and it expired on it all the same."""
        books.report(date(2027, 3, 1), core=1)
        books.redeem(date(2027, 3, 3), core=5)
        change_zone(WEST)
        frozen_clock.move_to(date(2032, 3, 2))
        organization = change_zone(EAST)
        assert set(days_seen(organization, frozen_clock, 24)) == {date(2032, 3, 2), date(2032, 3, 4)}
        [expired] = Transfer.objects.filter(reason=TransferReason.EXPIRED)
        assert expired.happened_on == date(2032, 3, 3)
        assert organization.settled_through == date(2032, 3, 4)

    def test_a_second_change_on_one_day_keeps_the_zone_that_counts(
        self, change_zone: ZoneChange, frozen_clock: FrozenClock
    ) -> None:
        since = change_zone("Asia/Tokyo").time_zone_since
        organization = change_zone("America/Lima")
        assert (organization.former_time_zone, organization.time_zone_since) == ("UTC", since)
        assert organization.time_zone_at(clock.now()) == "UTC"
        organization = change_zone("UTC")
        assert (organization.former_time_zone, organization.time_zone_since) == ("", None)
        change_zone("Asia/Tokyo")
        frozen_clock.move_to(date(2027, 3, 2))
        organization = change_zone("America/Lima")
        assert organization.former_time_zone == "Asia/Tokyo"

    def test_the_next_day_may_be_the_29th_of_february_or_begin_an_hour_late(
        self, change_zone: ZoneChange, frozen_clock: FrozenClock
    ) -> None:
        frozen_clock.move_to(date(2028, 2, 28))
        organization = change_zone(WEST)
        assert organization.time_zone_since == datetime(2028, 2, 29, tzinfo=UTC)
        frozen_clock.move_to(date(2028, 2, 29), at=datetime.min.time())
        # 13:00 on the 28th in the west; today stays the 28th, and is the 29th as soon as the west comes to it.
        seen = days_seen(organization, frozen_clock, 36)
        assert seen == [date(2028, 2, 28)] * 10 + [date(2028, 2, 29)] * 24 + [date(2028, 3, 1)] * 2
        # In Cairo clocks go from 24:00 to 1:00 on 28 April 2028: that day has no 0:00.
        change_zone("Africa/Cairo")
        frozen_clock.move_to(date(2028, 4, 27))
        organization = change_zone("UTC")
        assert organization.time_zone_since == datetime(2028, 4, 27, 22, tzinfo=UTC)


class TestMoreOrganizations:
    def test_anybody_with_a_confirmed_address_makes_one_and_administers_it(
        self, manager_client: Client, manager: User, today: date
    ) -> None:
        page = manager_client.get(reverse("create_organization"), headers={"Accept-Language": "sv-FI"}).content.decode()
        assert '<option value="FI" selected>' in page
        sent = {"name": "Second Harbour", "country": "FI", "time_zone": "Europe/Helsinki"}
        for _time in range(2):
            answer = manager_client.post(reverse("create_organization"), sent)
            assert (answer.status_code, answer["Location"]) == (303, "/o/second-harbour/")
        membership = Membership.objects.get(organization__name="Second Harbour")
        assert (membership.user, membership.role, membership.since) == (manager, Role.ADMINISTRATOR, today)
        assert "Second Harbour is created." in manager_client.get("/o/second-harbour/").content.decode()
        create_own_organization(user=manager, name="Second Harbour", country="SE", time_zone="UTC")
        assert Organization.objects.filter(name="Second Harbour").count() == 2

    def test_without_a_confirmed_address_nothing_is_made(self, manager_client: Client, manager: User) -> None:
        EmailAddress.objects.filter(user=manager).update(verified=False)
        for answer in (
            manager_client.get(reverse("create_organization")),
            manager_client.post(reverse("create_organization"), {"name": "New", "time_zone": "UTC"}),
        ):
            assert answer.status_code == 403
            assert "Confirm your address first" in answer.content.decode()
        assert not Organization.objects.filter(name="New").exists()

    def test_a_form_that_is_not_complete_is_told_of(self, manager_client: Client) -> None:
        answer = manager_client.post(reverse("create_organization"), {"name": "Typed", "time_zone": "nowhere"})
        assert answer.status_code == 422
        assert 'value="Typed"' in answer.content.decode()

    def test_an_older_tab_acts_on_the_organization_that_its_page_named(
        self, books: Books, manager_client: Client, manager: User, today: date
    ) -> None:
        """Whatever was looked at since: a form's own address names its organization."""
        other = OrganizationFactory.create(name="Second", on=today)
        add_member(organization=other, user=manager, role=Role.MANAGER, actor=None, on=today)
        older = manager_client.get(url("register_product"), {"product": "camera-station"})
        action = url("register_product")
        assert f'action="{action}' in older.content.decode()
        # The other tab goes to the other organization, and registers there.
        assert manager_client.get(url("product_list", other.slug)).status_code == 200
        sent: dict[str, Any] = {"product": "camera-station", "system_name": "Older tab", "devices_core-device": "1"}
        sent |= {"devices_universal-device": "0", "new_system_id": "6f1c3f0e-7a55-4c3e-9d58-1f6b4a6f3c11"}
        assert manager_client.post(action, sent)["Location"].startswith("/o/harbour/")
        assert System.objects.get(name="Older tab").organization == books.organization
