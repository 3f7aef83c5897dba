"""The admin site: the catalogue and organizations can be changed, the books can only be looked at."""

from datetime import date
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.test import Client, RequestFactory
from django.urls import reverse

from history.models import Action, Record
from licensemgr.core.models import JobRun, OutboxMessage
from organizations.models import Membership, Organization, Role, User
from products.models import DeviceCount, LicenseType, Product, RegisteredProduct, System
from subscriptions.models import (
    Allocation,
    ExceededAllowance,
    Subscription,
    SubscriptionPeriod,
    SubscriptionYear,
)
from tests.factories import Books, issue
from wallet.models import Entry, KeyBatch, LedgerAccount, LicenseKey, Lot, Redemption, Transfer

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)
BOOKS = [
    Transfer,
    Entry,
    LedgerAccount,
    Lot,
    Redemption,
    KeyBatch,
    LicenseKey,
    Record,
    Subscription,
    SubscriptionPeriod,
    SubscriptionYear,
    Allocation,
    ExceededAllowance,
    RegisteredProduct,
    System,
    DeviceCount,
    OutboxMessage,
    JobRun,
]


@pytest.fixture
def lived(books: Books) -> Books:
    """Books in which every table holds something, with a growth allowance exceeded."""
    books.report(START, core=10, universal=4)
    books.start(START)
    books.redeem(START, core=10, universal=4)
    books.allocate(START, {"core": 10, "universal": 4})
    books.report(START, core=30, universal=4)
    issue(books.products["camera-station"], core=1)
    JobRun.objects.create(job="settle", business_date=START, claimed_at="2027-03-01T00:00Z")
    return books


def address(model: Any, page: str, *args: Any) -> str:
    """The address of an admin page."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", BOOKS, ids=lambda model: model.__name__)
def test_books_are_looked_at_and_never_changed_by_a_superuser_neither(
    lived: Books, administrator: User, staff_client: Client, rf: RequestFactory, staff: User, model: Any
) -> None:
    row = model.objects.first()
    assert row is not None
    assert staff_client.get(address(model, "changelist")).status_code == 200
    assert staff_client.get(address(model, "change", row.pk)).status_code == 200
    before = list(model.objects.order_by("pk").values())
    for page, args in (("add", ()), ("change", (row.pk,)), ("delete", (row.pk,))):
        assert staff_client.post(address(model, page, *args), {"post": "yes"}).status_code == 403
    staff_client.post(
        address(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    )
    assert list(model.objects.order_by("pk").values()) == before


def test_whatever_is_not_on_the_short_list_can_not_be_changed(rf: RequestFactory, staff: User) -> None:
    request = rf.get("/")
    request.user = staff
    changeable = {model.__name__ for model, site in admin.site._registry.items() if site.has_change_permission(request)}
    assert changeable <= {"User", "Organization", "Product", "EmailAddress", "Authenticator", "HardwareModel"}
    for model, site in admin.site._registry.items():
        assert isinstance(site, ModelAdmin)
        if model.__name__ not in changeable:
            assert not site.has_add_permission(request)
            assert not site.has_delete_permission(request)


def test_the_number_of_queries_of_a_list_does_not_grow(
    lived: Books, staff_client: Client, django_assert_max_num_queries: Any
) -> None:
    for _time in range(12):
        lived.redeem(START, core=1)
    for model in (Transfer, Lot, Redemption, LedgerAccount, KeyBatch, LicenseKey, Record):
        with django_assert_max_num_queries(12):
            staff_client.get(address(model, "changelist"))


def test_exceeded_allowances_are_listed_with_what_is_missing(lived: Books, staff_client: Client) -> None:
    text = staff_client.get(address(ExceededAllowance, "changelist")).content.decode()
    # 20 beyond the 10 core devices allocated, 14 of them within the allowance of 14.
    assert "Harbour Cameras" in text
    assert "6 Core device" in text
    lived.report(START, core=10, universal=4)
    assert "Harbour Cameras" not in staff_client.get(address(ExceededAllowance, "changelist")).content.decode()


MANAGEMENT = {f"license_types-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS")} | {
    "license_types-MAX_NUM_FORMS": "1000"
}


def test_a_product_is_made_with_its_license_types(staff_client: Client) -> None:
    staff_client.post(
        address(Product, "add"),
        {"code": "door-station", "name": "Door Station", "trial_days": "30"}
        | MANAGEMENT
        | {
            "license_types-TOTAL_FORMS": "1",
            "license_types-0-code": "door",
            "license_types-0-name": "Door",
            "license_types-0-position": "0",
        },
    )
    product = Product.objects.get(code="door-station")
    assert product.trial_days == 30
    assert [kind.code for kind in product.license_types.all()] == ["door"]


def test_a_code_stays_and_what_is_in_use_can_not_be_deleted(lived: Books, staff_client: Client) -> None:
    product = lived.products["camera-station"]
    kinds = list(product.license_types.order_by("position", "pk"))
    form: dict[str, str] = {"code": "other", "name": "Camera Station New", "trial_days": "60"} | MANAGEMENT
    form |= {"license_types-TOTAL_FORMS": str(len(kinds)), "license_types-INITIAL_FORMS": str(len(kinds))}
    for number, kind in enumerate(kinds):
        form |= {
            f"license_types-{number}-id": str(kind.pk),
            f"license_types-{number}-product": str(product.pk),
            f"license_types-{number}-code": "changed",
            f"license_types-{number}-name": kind.name,
            f"license_types-{number}-position": str(kind.position),
        }
    assert staff_client.post(address(Product, "change", product.pk), form).status_code == 302
    product.refresh_from_db()
    assert (product.code, product.name, product.trial_days) == ("camera-station", "Camera Station New", 60)
    assert [kind.code for kind in product.license_types.order_by("position", "pk")] == [kind.code for kind in kinds]
    refused = staff_client.post(address(Product, "change", product.pk), form | {"license_types-0-DELETE": "on"})
    assert refused.status_code == 200
    assert LicenseType.objects.filter(pk=kinds[0].pk).exists()
    answer = staff_client.post(address(Product, "delete", product.pk), {"post": "yes"})
    assert answer.status_code in (200, 403)
    assert Product.objects.filter(pk=product.pk).exists()


def members(**fields: str) -> dict[str, str]:
    """The form of one new member, or of none."""
    form = {f"memberships-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS")}
    form["memberships-MAX_NUM_FORMS"] = "1000"
    if fields:
        form["memberships-TOTAL_FORMS"] = "1"
        form |= {f"memberships-0-{name}": value for name, value in fields.items()}
    return form


def test_an_organization_is_made_and_its_member_added_by_the_services(
    staff_client: Client, staff: User, manager: User, today: date
) -> None:
    form = {"name": "Årsta Hamn", "country": "SE", "time_zone": "Europe/Stockholm"}
    response = staff_client.post(
        address(Organization, "add"), form | members(user=str(manager.pk), role=Role.ADMINISTRATOR.value)
    )
    assert response.status_code == 302
    made = Organization.objects.get(name="Årsta Hamn")
    assert made.slug
    assert made.created_on == today
    assert Membership.objects.get(organization=made).user == manager
    told = list(Record.objects.filter(organization=made).order_by("sequence").values_list("action", "actor"))
    assert told == [(Action.ORGANIZATION_CREATED, staff.pk), (Action.MEMBER_ADDED, staff.pk)]


def test_a_change_of_an_organization_is_on_its_history(
    lived: Books, staff_client: Client, organization: Organization, viewer_client: Client
) -> None:
    form = {"name": "Harbour & Sons", "country": "NO", "time_zone": "Europe/Oslo"}
    assert staff_client.post(address(Organization, "change", organization.pk), form | members()).status_code == 302
    organization.refresh_from_db()
    assert (organization.name, organization.time_zone) == ("Harbour & Sons", "Europe/Oslo")
    text = viewer_client.get(reverse("history", args=[organization.slug])).content.decode()
    assert "name from “Harbour Cameras” to “Harbour &amp; Sons”" in text
    assert "time zone from “UTC” to “Europe/Oslo”" in text


@pytest.mark.parametrize("bad", [{"country": "Sweden"}, {"country": "se"}, {"time_zone": "Mars/Olympus"}, {"name": ""}])
def test_what_an_organization_can_not_be_is_told(staff_client: Client, db: None, bad: dict[str, str]) -> None:
    form = {"name": "New", "country": "", "time_zone": "UTC"} | bad
    assert staff_client.post(address(Organization, "add"), form | members()).status_code == 200
    assert not Organization.objects.filter(name="New").exists()


def test_organizations_and_members_are_not_deleted_here(
    lived: Books, staff_client: Client, organization: Organization, manager: User
) -> None:
    assert staff_client.post(address(Organization, "delete", organization.pk), {"post": "yes"}).status_code == 403
    staff_client.post(address(User, "delete", manager.pk), {"post": "yes"})
    assert User.objects.filter(pk=manager.pk).exists()


def test_people_are_made_without_a_username(staff_client: Client, db: None) -> None:
    assert staff_client.get(address(User, "add")).status_code == 200
    form = {
        "email": "New.Person@Example.com",
        "first_name": "New",
        "last_name": "Person",
        "usable_password": "true",
        "password1": "a long enough one 77",
        "password2": "a long enough one 77",
    }
    assert staff_client.post(address(User, "add"), form).status_code == 302
    person = User.objects.get(email="new.person@example.com")
    assert staff_client.get(address(User, "change", person.pk)).status_code == 200
    assert staff_client.get(address(User, "changelist"), {"q": "new"}).status_code == 200


def test_the_sign_in_is_the_portals_own(anonymous_client: Client, manager_client: Client, db: None) -> None:
    answer = anonymous_client.get(reverse("admin:login"))
    assert answer.status_code == 302
    assert reverse("account_login") in answer["Location"]
    assert manager_client.get(reverse("admin:index"), follow=True).status_code in (403, 404)
