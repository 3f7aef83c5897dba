"""Go to: what the palette finds, for whom, in which order, and at which cost (R30, R31)."""

import re
import uuid
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse

from licensemgr.portal.actions import OF_ORGANIZATION, OF_PERSON, OF_PRODUCT
from licensemgr.portal.going import MOST_OF_A_GROUP, Place, find_places
from organizations.access import PERMISSIONS
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member, remove_member
from organizations.support import end_support_view, open_support_view
from products.models import LicenseBasis, RegisteredProduct, System, SystemSource
from tests.factories import Books, OrganizationFactory, issue
from wallet.models import Redemption

pytestmark = pytest.mark.django_db


def found(user: User, text: str, here: str = "harbour") -> dict[str, list[Place]]:
    """The places by the code of their group."""
    return {group.code: list(group.places) for group in find_places(user, text, here)}


def labels(user: User, text: str, group: str, here: str = "harbour") -> list[str]:
    """What a group shows."""
    return [place.label for place in found(user, text, here).get(group, [])]


@pytest.fixture
def furnished(books: Books, today: date) -> Books:
    """A product with a system, a hardware unit and a redeemed key."""
    books.report(today, system="Gate recorder", core=2)
    books.unit(today, "SN-7001", core=1)
    books.redeem(today, core=5)
    return books


def test_it_finds_organizations_products_systems_units_keys_and_actions(furnished: Books, manager: User) -> None:
    tail = Redemption.objects.get().license_key.tail
    system = System.objects.get()
    assert labels(manager, "harb", "organizations") == ["Harbour Cameras"]
    assert labels(manager, "CAMERA st", "products") == ["Camera Station"]
    assert labels(manager, "recorder", "systems") == ["Gate recorder"]
    assert labels(manager, str(system.system_id), "systems") == ["Gate recorder"]
    assert labels(manager, str(system.system_id)[:8], "systems") == ["Gate recorder"]
    assert labels(manager, "sn-70", "units") == ["SN-7001"]
    for typed in (tail, tail.lower(), f"…{tail}", tail[-3:]):
        assert labels(manager, typed, "keys") == [f"License key …{tail}"]
    assert labels(manager, "redeem", "actions") == ["Redeem license key in Camera Station"]
    assert labels(manager, "upload", "actions") == ["Upload system file"]


def test_each_place_is_a_page_that_opens(furnished: Books, manager: User, manager_client: Client) -> None:
    tail = Redemption.objects.get().license_key.tail
    urls = {
        place.url
        for text in ("harbour", "camera", "recorder", "SN-7001", tail, "e", "o", "a")
        for group in find_places(manager, text, "harbour")
        for place in group.places
    }
    assert len(urls) > 12
    for url in urls:
        assert manager_client.get(url).status_code == 200, url
    history = manager_client.get(found(manager, tail)["keys"][0].url).content.decode()
    assert f"…{tail}" in history


def test_a_whole_license_key_finds_nothing(furnished: Books, manager: User) -> None:
    """Only what the wallet shows of a key is looked for: whole keys are none of the palette's business."""
    assert find_places(manager, issue(furnished.products["camera-station"], core=1), "harbour") == []


def test_an_outsider_finds_no_name_of_another_organization(
    furnished: Books, outsider: User, other_organization: Organization
) -> None:
    tail = Redemption.objects.get().license_key.tail
    for text in ("harbour", "camera", "gate", "SN-7001", tail, str(System.objects.get().system_id), "e"):
        for group in find_places(outsider, text, "harbour"):
            for place in group.places:
                assert "/o/harbour/" not in place.url
                assert "Harbour" not in place.label + place.detail
    assert labels(outsider, "port", "organizations") == ["Other Port"]


def test_a_removed_member_finds_nothing_any_more(furnished: Books, manager: User, today: date) -> None:
    assert labels(manager, "gate", "systems")
    membership = Membership.objects.get(user=manager)
    remove_member(membership=membership, actor=None, on=today)
    for text in ("harbour", "camera", "gate", "SN-7001"):
        assert not {"organizations", "products", "systems", "units"} & set(found(manager, text))


def test_a_closed_organization_is_not_offered(furnished: Books, manager: User, organization: Organization) -> None:
    Organization.objects.filter(pk=organization.pk).update(closed_on=date(2027, 3, 1))
    assert set(found(manager, "e")) == {"actions"}
    assert all("/o/" not in place.url for place in found(manager, "e")["actions"])


@pytest.mark.parametrize("role", list(Role))
def test_each_is_offered_what_the_door_would_let_do(
    furnished: Books, organization: Organization, today: date, role: Role
) -> None:
    """R31: the permission is that of the view that does it, so a viewer reads the wallet and is not asked to redeem."""
    person = User.objects.create_user("person@example.com", "a long password")
    add_member(organization=organization, user=person, role=role, actor=None, on=today)
    offered = set()
    for word in ("a", "e", "i", "o", "redeem", "upload", "register", "invite", "settings", "code", "wallet"):
        offered |= set(labels(person, word, "actions"))
    for table, arguments in ((OF_ORGANIZATION, ("harbour",)), (OF_PRODUCT, ("harbour", "camera-station"))):
        for action in table:
            view = resolve(reverse(action.does or action.page, args=arguments[: 1 if action.asks else 2])).func
            may = vars(view)["organization_permission"] in PERMISSIONS[role] and action.makes_sense(is_started=False)
            label = str(action.label) % {"product": "Camera Station"} if len(arguments) == 2 else str(action.label)
            assert may or label not in offered, label
            assert not may or label in set(labels(person, label, "actions")), label
    assert ("Redeem license key in Camera Station" in offered) == (role != Role.VIEWER)
    assert ("Invite by e-mail" in offered) == (role == Role.ADMINISTRATOR)


def test_what_is_to_start_or_to_release_is_offered_before_or_after_the_start(
    furnished: Books, manager: User, manager_client: Client, today: date
) -> None:
    assert labels(manager, "start your subscription", "actions") == ["Start your subscription of Camera Station"]
    assert labels(manager, "release a coming", "actions") == []
    [add] = found(manager, "add a system")["actions"]
    assert (add.label, add.url) == (
        "Add a system of Camera Station",
        "/o/harbour/products/register/?product=camera-station",
    )
    assert "Add a system of Camera Station" in manager_client.get(add.url).content.decode()
    furnished.start(today)
    assert labels(manager, "start your subscription", "actions") == []
    [release] = found(manager, "release a coming")["actions"]
    assert release.label == "Release a coming year of Camera Station"
    assert manager_client.get(release.url, follow=True).status_code == 200


def test_a_support_view_finds_as_a_viewer_while_it_lasts(
    furnished: Books, staff: User, organization: Organization, today: date
) -> None:
    """R30: staff find nothing of an organization without a grant in force, and may do nothing under one."""
    assert set(found(staff, "gate")) == set()
    grant = open_support_view(organization=organization, user=staff, reason="A call", on=today)
    assert labels(staff, "gate", "systems") == ["Gate recorder"]
    assert labels(staff, "redeem", "actions") == []
    assert labels(staff, "history", "actions") == ["History"]
    end_support_view(grant=grant, on=today)
    assert set(found(staff, "gate")) == set()
    assert labels(staff, "administration", "actions") == ["Administration"]


def test_hidden_products_and_removed_systems_are_left_out(furnished: Books, manager: User, today: date) -> None:
    furnished.remove(today, system="Gate recorder")
    assert labels(manager, "gate", "systems") == []
    RegisteredProduct.objects.update(hidden_on=today)
    assert labels(manager, "camera", "products") == []


def test_without_words_it_offers_what_can_be_done_here(furnished: Books, manager: User) -> None:
    offered = found(manager, "")
    assert offered["actions"][0].label == "Product list"
    assert [place.label for place in offered["products"]] == ["Camera Station"]
    assert [place.label for place in offered["organizations"]] == ["Harbour Cameras"]
    assert {"systems", "units", "keys"}.isdisjoint(offered)
    elsewhere = found(manager, "", here="")
    assert "products" not in elsewhere
    assert elsewhere["actions"][0].label == "My Systems"


def test_the_organization_at_which_one_is_comes_first_then_what_begins_so(
    furnished: Books, manager: User, today: date
) -> None:
    other = OrganizationFactory.create(name="Avalon", slug="avalon", on=today)
    add_member(organization=other, user=manager, role=Role.MANAGER, actor=None, on=today)
    Books(other).report(today, system="Gate A", core=1)
    furnished.report(today, system="Old gate", core=1)
    furnished.report(today, system="Gate B", core=1)
    here = [(place.label, place.detail) for place in found(manager, "gate")["systems"]]
    assert [label for label, _detail in here] == ["Gate B", "Gate recorder", "Old gate", "Gate A"]
    assert here[3][1] == "Camera Station · Avalon"
    assert labels(manager, "gate", "systems", here="avalon")[0] == "Gate A"
    details = [place.detail for place in found(manager, "camera", here="avalon")["products"]]
    assert details == ["Avalon", "Harbour Cameras"]
    # Words may name the organization, too.
    assert [place.detail for place in found(manager, "camera aval")["products"]] == ["Avalon"]
    assert [place.detail for place in found(manager, "redeem aval")["actions"]] == ["Avalon"]


def test_organizations_are_found_without_accents(manager: User, today: date) -> None:
    organization = OrganizationFactory.create(name="Łódź Süd", slug="lodz", on=today)
    add_member(organization=organization, user=manager, role=Role.VIEWER, actor=None, on=today)
    assert labels(manager, "lodz sud", "organizations") == ["Łódź Süd"]


@pytest.mark.parametrize("text", ["%", "_", "'", "\\", "…", " - ", "x" * 5000, "'; --", "%(product)s", "{q}", "👾"])
def test_odd_words_find_nothing_and_break_nothing(furnished: Books, manager_client: Client, text: str) -> None:
    response = manager_client.get(reverse("go"), {"q": text, "at": "../x"})
    assert response.status_code == 200
    assert "Gate recorder" not in response.content.decode()


@pytest.mark.parametrize("text", ["-", "…", " - ", "·", "--", "?!", "/"])
def test_punctuation_alone_is_an_answer_to_nothing(furnished: Books, manager: User, text: str) -> None:
    assert find_places(manager, text, "harbour") == []


def test_punctuation_beside_words_does_not_matter(furnished: Books, manager: User) -> None:
    assert labels(manager, "gate - recorder", "systems") == ["Gate recorder"]
    assert labels(manager, "camera …", "products") == ["Camera Station"]
    for typed in ("SN 7001", "sn–7001", "SN/70", "- sn 70", "SN-7001"):
        assert labels(manager, typed, "units") == ["SN-7001"], typed
    assert labels(manager, "SN 8", "units") == []


def many(organization: Organization, registered: RegisteredProduct, count: int, on: date) -> None:
    """Systems by the thousand, written at once."""
    System.objects.bulk_create(
        System(
            organization=organization,
            registered_product=registered,
            system_id=uuid.uuid4(),
            name=f"Recorder {number:05}",
            source=SystemSource.MANUAL,
            license_basis=LicenseBasis.SUBSCRIPTION,
            license_basis_since=on,
            added_on=on,
            last_reported_on=on,
        )
        for number in range(count)
    )


def test_the_number_of_queries_does_not_grow(furnished: Books, manager: User, today: date) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert find_places(manager, "abc12", "harbour") is not None
        return len(queries)

    before = count()
    assert before <= 5
    for number in range(20):
        other = OrganizationFactory.create(name=f"Branch abc12 {number}", slug=f"branch-{number}", on=today)
        add_member(organization=other, user=manager, role=Role.MANAGER, actor=None, on=today)
    many(furnished.organization, furnished.registered(), 200, today)
    assert count() == before
    groups = find_places(manager, "recorder", "harbour")
    systems = next(group for group in groups if group.code == "systems")
    assert len(systems.places) == MOST_OF_A_GROUP
    assert systems.has_more


def test_htmx_gets_a_listbox_and_a_browser_a_page(furnished: Books, manager_client: Client) -> None:
    plain = manager_client.get(reverse("go"), {"q": "camera", "at": "harbour"})
    page = plain.content.decode()
    assert "<h1" in page
    assert 'role="option"' not in page
    assert 'href="/o/harbour/products/camera-station/"' in page
    assert "HX-Request" in plain["Vary"]
    part = manager_client.get(reverse("go"), {"q": "camera"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    options = re.findall(r'role="option" id="([^"]+)"', part)
    assert len(options) == len(set(options)) > 1
    assert f'data-told="{len(options)} results"' in part


def test_nobody_is_asked_to_sign_in_first(anonymous_client: Client) -> None:
    response = anonymous_client.get(reverse("go"), {"q": "camera"})
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]
    assert "data-palette" not in anonymous_client.get(reverse("where_to_buy")).content.decode()


def test_every_action_has_a_page_and_one_of_the_person_needs_no_organization() -> None:
    for action in OF_PERSON:
        assert action.url().startswith("/")
    codes = [str(action.label) for action in (*OF_ORGANIZATION, *OF_PRODUCT, *OF_PERSON)]
    assert len(set(codes)) == len(codes)
