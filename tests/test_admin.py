"""The admin site: the books can only be looked at, nothing secret is shown, every change has a name.

The catalogue, keys, organizations, people, corrections and jobs have files of their own beside this one.
"""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client, RequestFactory
from django.urls import reverse

from hardware.ending import replace_unit
from hardware.models import RegistrationCode, StagedFile, UnitImport
from hardware.registration_codes import make_code
from history.models import Record
from licensemgr.core import clock
from licensemgr.core.admin import AnyModelAdmin, LooksOnlyAdmin
from licensemgr.core.models import JobRun, OutboxMessage
from licensemgr.portal.tasks import forget_expired
from licensemgr.shop.endpoints import SECRET_PREFIX
from organizations.invitations import invite_member
from organizations.models import Organization, Role, User
from organizations.support import open_support_view
from products.models import Product
from subscriptions.exceeding import course_of
from subscriptions.models import ExceededAllowance
from subscriptions.releasing import release_year
from tests.admin_pages import address, inline, said, staff_person
from tests.architecture.urls import furnish_files, furnish_orders, furnish_webhooks, furnish_work
from tests.factories import Books, issue
from wallet.corrections import correct_wallet
from wallet.models import Entry, KeyBatch, LedgerAccount, LicenseKey, Lot, Redemption, RefusedTries, Transfer
from wallet.tries import TRIES_KEPT

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture
def lived(books: Books, organization: Organization, staff: User, manager: User) -> Books:
    """Books in which every table holds something, with a growth allowance exceeded."""
    books.report(START, core=10, universal=4)
    books.start(START)
    books.redeem(START, core=25, universal=9)
    books.allocate(START, {"core": 10, "universal": 4}, {"core": 10, "universal": 4})
    release_year(
        registered_product=books.registered(),
        number=1,
        nonce=uuid.uuid4(),
        accept_expiry=False,
        actor=staff,
        on=START,
    )
    books.report(START, core=30, universal=4)
    issue(books.products["camera-station"], core=1)
    correct_wallet(
        registered_product=books.registered(),
        license_type=books.products["camera-station"].license_types.get(code="core-device"),
        kind="subscription",
        change=2,
        reason="lost order",
        form_token=uuid.uuid4(),
        actor=staff,
        on=START,
    )
    open_support_view(organization=organization, user=staff, reason="ticket", on=START)
    invite_member(organization=organization, email="new@example.com", role=Role.VIEWER, actor=staff, on=START)
    RefusedTries.objects.create(
        user=manager, organization=organization, address="192.0.2.7", hour=datetime(2027, 3, 1, 12, tzinfo=UTC)
    )
    unit = books.unit(START, "SN-1", core=1)
    books.redeem(START, kind="hardware", core=2)
    books.expand(START, unit, core=2)
    books.report(START, system="Gate", unit="SN-1", core=1)
    books.make_unit("SN-2")
    replace_unit(old_unit=unit, new_serial="SN-2", reason="repair", actor=staff, on=START)
    furnish_files(organization, START)
    make_code(organization=organization, label="Site", uses=1, days=7, actor=manager, on=START, form_token=uuid.uuid4())
    furnish_orders(staff)
    furnish_webhooks(staff)
    furnish_work(organization, START)
    StagedFile.objects.create(
        organization=organization,
        batch=uuid.uuid4(),
        number=1,
        file_name="system.json",
        packed=b"",
        refusal="Refused.",
        uploaded_by=manager,
        uploaded_at="2027-03-01T00:00Z",
        expires_at="2027-03-01T01:00Z",
    )
    UnitImport.objects.create(digest="0" * 64, file_name="units.csv", size=1, started_at="2027-03-01T00:00Z")
    JobRun.objects.create(job="settle", business_date=START, claimed_at="2027-03-01T00:00Z")
    LogEntry.objects.log_actions(staff.pk, [books.products["camera-station"]], 2, change_message="x")
    return books


def looked_at_only() -> dict[Any, AnyModelAdmin]:
    """The tables that the admin site shows and never changes."""
    return {model: site for model, site in admin.site._registry.items() if isinstance(site, LooksOnlyAdmin)}


@pytest.mark.slow
def test_books_are_looked_at_and_never_changed_by_a_superuser_neither(lived: Books, staff_client: Client) -> None:
    """Every table that is not on the short list below: its list, a row, and each way to change it."""
    made_here = {"KeyBatch", "Correction", "WebhookEndpoint", "ShopToken"}
    wrong = []
    for model, site in looked_at_only().items():
        row = model._base_manager.order_by("pk").first()
        assert row is not None, f"the books of this test hold no {model.__name__}"
        before = list(model._base_manager.order_by("pk").values())
        for page, args in (("changelist", ()), ("change", (row.pk,))):
            if staff_client.get(address(model, page, *args)).status_code != 200:
                wrong.append(f"GET {page} of {model.__name__}")
        for page, args in (("add", ()), ("change", (row.pk,)), ("delete", (row.pk,))):
            status = staff_client.post(address(model, page, *args), {"post": "yes"}).status_code
            if status != 403 and not (page == "add" and model.__name__ in made_here):
                wrong.append(f"POST {page} of {model.__name__}: {status}")
        action = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        staff_client.post(address(model, "changelist"), action)
        if list(model._base_manager.order_by("pk").values()) != before:
            wrong.append(f"{model.__name__} was changed")
        assert not site.has_delete_permission(RequestFactory().get("/"))
    assert not wrong, wrong


def test_whatever_is_not_on_the_short_list_can_not_be_changed(staff: User) -> None:
    request = RequestFactory().get("/")
    request.user = staff
    sites = admin.site._registry
    changeable = {model.__name__ for model, site in sites.items() if site.has_change_permission(request)}
    assert changeable == {"User", "Organization", "Product", "Reseller", "Policy", "HardwareModel"}
    addable = {model.__name__ for model, site in sites.items() if site.has_add_permission(request)}
    assert addable == {"User", "Organization", "Product", "Reseller", "KeyBatch", "Correction", "HardwareModel"} | {
        "WebhookEndpoint",
        "ShopToken",
    }
    deletable = {model.__name__ for model, site in sites.items() if site.has_delete_permission(request)}
    assert deletable <= {"Product", "Reseller", "HardwareModel"}


def test_lists_need_as_many_queries_for_thirty_rows_as_for_one(
    lived: Books, staff_client: Client, django_assert_max_num_queries: Any
) -> None:
    for _time in range(12):
        lived.redeem(START, core=1)
    for model in (Transfer, Lot, Redemption, LedgerAccount, KeyBatch, LicenseKey, Record, Entry):
        with django_assert_max_num_queries(12):
            staff_client.get(address(model, "changelist"))


@pytest.mark.slow
def test_no_secret_is_on_any_page(lived: Books, staff_client: Client, manager: User) -> None:
    """Seeds of second factors, recovery codes, digests of keys and invitations, the text of confidential mail."""
    Authenticator.objects.create(
        user=manager, type=Authenticator.Type.TOTP, data={"secret": "SECRET-SEED", "seed": "SECRET-SEED"}
    )
    OutboxMessage.objects.create(
        recipient="a@example.com",
        subject="Your code",
        body_text="SECRET-CODE",
        body_html="SECRET-CODE",
        reason="r",
        is_confidential=True,
        business_date=START,
        written_at=datetime(2027, 3, 1, tzinfo=UTC),
        next_attempt_at=datetime(2027, 3, 1, tzinfo=UTC),
    )
    assert Authenticator not in admin.site._registry
    webhook = furnish_webhooks(manager).removeprefix(SECRET_PREFIX)
    secrets = {"SECRET-SEED", "SECRET-CODE", webhook, *LicenseKey.objects.values_list("digest", flat=True)}
    secrets |= {invitation.digest for invitation in lived.organization.invitations.all()}
    secrets |= {code.digest for code in RegistrationCode.objects.all()}
    for model in admin.site._registry:
        pages = [address(model, "changelist")]
        pages += [address(model, "change", pk) for pk in model._base_manager.values_list("pk", flat=True)[:5]]
        for page in pages:
            answer = staff_client.get(page, follow=True)
            assert answer.status_code == 200, page
            assert not [secret for secret in secrets if secret in answer.content.decode()], page


def test_every_change_of_the_catalogue_has_a_name(staff_client: Client, camera_station: Product, staff: User) -> None:
    text = said(staff_client.get(address(LogEntry, "changelist")))
    assert "Camera Station" not in text
    form = {"code": camera_station.code, "name": "Camera Station Pro", "trial_days": "30"}
    types = [
        {"id": each.pk, "product": camera_station.pk, "code": each.code, "name": each.name, "position": each.position}
        for each in camera_station.license_types.all()
    ]
    staff_client.post(
        address(Product, "change", camera_station.pk), form | inline("license_types", types, stored=len(types))
    )
    text = said(staff_client.get(address(LogEntry, "changelist")))
    assert "Camera Station Pro" in text
    assert "Changed Name" in text
    assert str(staff) in text


def test_a_growth_allowance_that_is_exceeded_is_listed_with_its_course(
    lived: Books, staff_client: Client, administrator: User, frozen_clock: Any
) -> None:
    listed = address(ExceededAllowance, "changelist")
    text = said(staff_client.get(listed))
    # 20 beyond the 10 core devices allocated, 14 of them within the allowance of 14.
    assert "Harbour Cameras" in text
    assert "6 Core device" in text
    frozen_clock.move_to(date(2027, 4, 20))
    lived.report(date(2027, 4, 10), core=40, universal=4)
    lived.settle(date(2027, 4, 20))
    exceeded = ExceededAllowance.objects.get(exceeded_since__isnull=False)
    text = said(staff_client.get(address(ExceededAllowance, "change", exceeded.pk)))
    assert "March 1, 2027 March 31, 2027 30 4 34 March 1, 2027: Growth allowance exceeded (6 Core device)" in text
    assert "April 1, 2027 April 20, 2027 40 4 44 –" in text
    # Told on the day on which it happened, and a month later.
    assert f"March 1, 2027 {administrator.email} waiting" in text
    assert f"April 1, 2027 {administrator.email} waiting" in text
    assert "16 Core device" in text
    lived.report(date(2027, 4, 20), core=10, universal=4)
    assert "Harbour Cameras" not in said(staff_client.get(listed)).partition("Filter")[0]


def test_the_course_counts_devices_by_what_licensed_them_then(lived: Books, frozen_clock: Any) -> None:
    """R25: a month that is over stays what it was, whatever licenses the system today."""
    registered = lived.registered()
    # What counts beside it, each month the same.
    [march] = course_of(registered, date(2027, 3, 31)).months
    lived.report(date(2027, 3, 5), system="Gate", core=7)
    unit = lived.unit(date(2027, 4, 2), "SN-COURSE", core=50)
    lived.report(date(2027, 4, 2), system="Gate", unit="SN-COURSE", core=7)
    lived.retire(date(2027, 5, 3), unit)
    lived.report(date(2027, 5, 4), system="Gate", core=0)
    months = course_of(registered, date(2027, 5, 31)).months
    assert [month.devices_total - march.devices_total for month in months] == [7, 0, 0]
    lived.report(date(2027, 5, 31), system="Gate", core=9)
    lived.unit(date(2027, 6, 1), "SN-LATER", core=9)
    lived.report(date(2027, 6, 1), system="Gate", unit="SN-LATER", core=9)
    months = course_of(registered, date(2027, 6, 30)).months
    assert [month.devices_total - march.devices_total for month in months] == [7, 0, 9, 0]


def test_refused_tries_are_listed_hour_by_hour(lived: Books, staff_client: Client, manager: User) -> None:
    RefusedTries.objects.update(unknown=17, limited=5)
    text = said(staff_client.get(address(RefusedTries, "changelist")))
    assert f"{manager} Harbour Cameras 192.0.2.7 17 5" in text


def test_tries_are_forgotten_after_ninety_days(lived: Books) -> None:
    row = RefusedTries.objects.get()
    for age, is_kept in ((TRIES_KEPT - timedelta(minutes=1), True), (TRIES_KEPT + timedelta(minutes=1), False)):
        RefusedTries.objects.filter(pk=row.pk).update(hour=clock.real_now() - age)
        forget_expired()
        assert RefusedTries.objects.exists() is is_kept


def test_staff_who_are_given_nothing_see_nothing(lived: Books) -> None:
    _person, client = staff_person()
    assert client.get(reverse("admin:index")).status_code == 200
    for model in admin.site._registry:
        assert client.get(address(model, "changelist")).status_code == 403, model


def test_the_sign_in_is_the_portals_own(anonymous_client: Client, manager_client: Client, db: None) -> None:
    answer = anonymous_client.get(reverse("admin:login"))
    assert answer.status_code == 302
    assert reverse("account_login") in answer["Location"]
    assert manager_client.get(reverse("admin:index"), follow=True).status_code in (403, 404)
