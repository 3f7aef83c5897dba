"""Lists that belong to no organization, My Systems and Where to buy: own columns, own views, files of what is filtered."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from licensemgr.portal import own_lists
from licensemgr.portal.views import own_lists as views
from organizations.accounts import close_account, preview_closing
from organizations.lists import MOST_VIEWS
from organizations.models import ListPreference, Membership, Organization, Role, User
from organizations.services import add_member, leave_organization
from products.models import Product
from products.reseller_files import import_resellers
from tests.conftest import FrozenClock
from tests.factories import OrganizationFactory
from tests.portal.test_lists import heads, read_csv, read_xlsx
from tests.portal.test_where_to_buy import ROWS

pytestmark = pytest.mark.django_db
MINE, SELLERS = "my-systems", "where-to-buy"


@pytest.fixture
def joined(manager: User, organization: Organization, frozen_clock: FrozenClock) -> list[Organization]:
    """The manager is in three organizations, of which two only to look."""
    others = [OrganizationFactory.create(name=name, on=frozen_clock.today) for name in ("Älvsjö Depot", "=Quay")]
    for other in others:
        add_member(organization=other, user=manager, role=Role.VIEWER, actor=None, on=frozen_clock.today)
    return [organization, *others]


@pytest.fixture
def resellers(camera_station: Product, audio_manager: Product) -> None:
    import_resellers(content=ROWS.encode(), actor=None)


def link(client: Client, page: str, ending: str) -> str:
    """Where the page offers the file."""
    found = re.search(rf'href="([^"]*export\.{ending}[^"]*)"', client.get(page).content.decode())
    assert found is not None
    return unescape(found[1])


def post(client: Client, stem: str, own_list: str, **data: Any) -> Any:
    return client.post(reverse(stem, args=[own_list]), data)


@pytest.mark.usefixtures("joined")
class TestMySystems:
    def test_it_is_searched_filtered_and_sorted_by_the_address(self, manager_client: Client) -> None:
        for query, expected in (
            ("", ["Älvsjö Depot", "Harbour Cameras", "=Quay"]),
            ("?sort=-name", ["=Quay", "Harbour Cameras", "Älvsjö Depot"]),
            ("?search=alvsjo", ["Älvsjö Depot"]),
            ("?role=viewer&search=a", ["Älvsjö Depot", "=Quay"]),
            ("?sort=role", ["Harbour Cameras", "Älvsjö Depot", "=Quay"]),
            ("?sort=nonsense&role=king", ["Älvsjö Depot", "Harbour Cameras", "=Quay"]),
        ):
            page = manager_client.get(f"/{query}")
            assert [row.organization.name for row in page.context["list"].rows] == expected, query
            rows = read_csv(manager_client.get(link(manager_client, f"/{query}", "csv")))
            assert [row[0].removeprefix("'") for row in rows[1:]] == expected, query

    def test_the_files_have_the_columns_that_were_chosen(self, manager_client: Client) -> None:
        chosen = post(manager_client, "choose_own_columns", MINE, column=["systems"], show="yes", query="role=viewer")
        assert (chosen.status_code, chosen["Location"]) == (303, "/?role=viewer")
        assert heads(manager_client.get("/").content.decode()) == ["Organization", "Systems", "Licenses"]
        assert read_csv(manager_client.get(link(manager_client, "/?role=viewer", "csv"))) == [
            ["Organization", "Systems"],
            ["Älvsjö Depot", "0"],
            ["'=Quay", "0"],
        ]
        assert read_xlsx(manager_client.get(link(manager_client, "/?role=viewer", "xlsx")))[1:] == [
            ("Älvsjö Depot", 0),
            ("'=Quay", 0),
        ]
        post(manager_client, "choose_own_columns", MINE, usual="yes")
        assert len(heads(manager_client.get("/").content.decode())) == 6

    def test_one_organization_needs_no_tools(self, viewer_client: Client) -> None:
        page = viewer_client.get("/").content.decode()
        assert 'class="list-tools"' not in page and "Search organizations" not in page

    def test_queries_do_not_grow_and_pages_go_by_rows(
        self, manager: User, manager_client: Client, frozen_clock: FrozenClock
    ) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert manager_client.get("/").status_code == 200
            return len(queries)

        before = count()
        for number in range(60):
            other = OrganizationFactory.create(name=f"Site {number:02}", on=frozen_clock.today)
            add_member(organization=other, user=manager, role=Role.VIEWER, actor=None, on=frozen_clock.today)
        assert count() == before
        first = manager_client.get("/")
        assert len(first.context["list"].rows) == 50
        onward = re.search(r'rel="next" href="([^"]*)"', first.content.decode())
        assert onward is not None
        # Who leaves an organization before the page meanwhile sees no row twice and misses none.
        leave_organization(
            membership=Membership.objects.get(user=manager, organization=first.context["list"].rows[0].organization),
            on=frozen_clock.today,
        )
        second = manager_client.get(f"/{unescape(onward[1])}")
        names = [row.organization.name for row in second.context["list"].rows]
        assert names == [f"Site {number:02}" for number in range(47, 60)]

    def test_nobody_but_the_person_gets_the_file(self, anonymous_client: Client, outsider_client: Client) -> None:
        for ending in ("csv", "xlsx"):
            url = reverse(f"own_list_{ending}", args=[MINE])
            assert "/accounts/login/" in anonymous_client.get(url)["Location"]
        rows = read_csv(outsider_client.get(reverse("own_list_csv", args=[MINE])))
        assert [row[0] for row in rows[1:]] == ["Other Port"]


@pytest.mark.usefixtures("resellers")
class TestWhereToBuy:
    def test_everybody_fetches_exactly_what_is_found(self, anonymous_client: Client) -> None:
        page = "/where-to-buy/?country=&place=malmo&kind=reseller&sort=name"
        rows = read_csv(anonymous_client.get(link(anonymous_client, page, "csv")))
        assert rows[0] == [
            *("Name", "Kind", "Distance (km)", "Address", "Postal code", "Town", "Country"),
            *("Products", "Phone", "E-mail", "Web"),
        ]
        assert [(row[0], row[2]) for row in rows[1:]] == [
            ("Bridge Shop", "28"),
            ("Mälar Audio", "513"),
            ("Nowhere Ltd", ""),
        ]
        sheet = read_xlsx(anonymous_client.get(link(anonymous_client, page, "xlsx")))
        assert [row[2] for row in sheet[1:]] == [28, 513, None]

    def test_a_guessed_country_is_said_in_what_is_kept_and_fetched(self, anonymous_client: Client) -> None:
        swedish = Client(headers={"accept-language": "sv-SE"})
        found = re.search(r'href="([^"]*export\.csv[^"]*)"', swedish.get("/where-to-buy/").content.decode())
        assert found is not None and "country=SE" in found[1]
        # Whoever opens the same address elsewhere gets the same rows.
        assert len(read_csv(anonymous_client.get(unescape(found[1])))) == 1 + 3

    def test_somebody_who_is_not_signed_in_keeps_nothing(self, anonymous_client: Client) -> None:
        page = anonymous_client.get("/where-to-buy/?country=").content.decode()
        assert "Saved views" not in page and "Columns" not in page and "Download as CSV" in page
        for stem in ("choose_own_columns", "save_own_view", "delete_own_view"):
            answer = post(anonymous_client, stem, SELLERS, name="Mine", show="yes")
            assert answer.status_code == 302 and "/accounts/login/" in answer["Location"]
        assert not ListPreference.objects.exists()

    def test_columns_are_chosen_of_those_that_there_are(self, viewer_client: Client) -> None:
        near = "country=SE&town=SE-malmo"
        post(viewer_client, "choose_own_columns", SELLERS, column=["contact", "distance"], show="yes", query=near)
        assert heads(viewer_client.get(f"/where-to-buy/?{near}").content.decode()) == ["Name", "Distance", "Contact"]
        # Without a place there is no distance; that it is shown elsewhere stays as it was chosen.
        post(viewer_client, "choose_own_columns", SELLERS, column=["products"], show="yes", query="country=SE")
        assert heads(viewer_client.get("/where-to-buy/?country=SE").content.decode()) == ["Name", "Products"]
        assert heads(viewer_client.get(f"/where-to-buy/?{near}").content.decode()) == ["Name", "Distance", "Products"]

    def test_sorts(self, anonymous_client: Client) -> None:
        for query, first in (
            ("?country=&sort=-name", "Sound Guard"),
            ("?country=&sort=address", "Bridge Shop"),
            ("?country=&sort=-address", "Prairie Works"),
            ("?country=&town=SE-malmo&sort=-distance", "Nowhere Ltd"),
            # There is no place from which distances could count.
            ("?country=&sort=-distance", "Bridge Shop"),
        ):
            page = anonymous_client.get(f"/where-to-buy/{query}")
            assert page.context["listed"][0].reseller.name == first, query
        text = anonymous_client.get("/where-to-buy/?country=SE&town=SE-malmo&kind=reseller&sort=name").content.decode()
        assert "nearer abroad" in text and 'aria-sort="ascending"' in text

    def test_a_spreadsheet_of_too_many_rows_is_refused_with_a_way_on(
        self, viewer_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "MOST_AT_ONCE", 4)
        answer = viewer_client.get(f"{reverse('own_list_xlsx', args=[SELLERS])}?country=")
        assert (answer.status_code, answer["Location"]) == (303, "/where-to-buy/?country=")
        assert "No spreadsheet was made" in viewer_client.get(answer["Location"]).content.decode()


@pytest.mark.usefixtures("resellers")
class TestViews:
    def test_one_is_saved_opened_replaced_and_deleted(self, viewer_client: Client) -> None:
        saved = post(viewer_client, "save_own_view", SELLERS, name="Near us", query="country=SE&kind=reseller&after=3")
        assert (saved.status_code, saved["Location"]) == (303, "/where-to-buy/?country=SE&kind=reseller")
        page = viewer_client.get(saved["Location"]).content.decode()
        assert re.search(r'href="/where-to-buy/\?country=SE&amp;kind=reseller" aria-current="true"', page)
        assert "Near us" in viewer_client.get("/where-to-buy/?country=&search=nobody-is-called-so").content.decode()
        post(viewer_client, "save_own_view", SELLERS, name="Near us", query="country=")
        assert ListPreference.objects.get().views == {"Near us": "country="}
        # Usual columns take no view away.
        post(viewer_client, "choose_own_columns", SELLERS, usual="yes")
        assert post(viewer_client, "delete_own_view", SELLERS, name="Near us").status_code == 303
        assert post(viewer_client, "delete_own_view", SELLERS, name="Near us").status_code == 404
        assert ListPreference.objects.get().views == {}

    def test_a_name_is_needed_and_there_are_not_too_many(self, viewer_client: Client) -> None:
        assert post(viewer_client, "save_own_view", MINE, name=" ").status_code == 422
        for number in range(MOST_VIEWS):
            assert post(viewer_client, "save_own_view", MINE, name=f"View {number}").status_code == 303
        refused = post(viewer_client, "save_own_view", MINE, name="One more", query="role=viewer")
        assert refused.status_code == 422
        page = refused.content.decode()
        assert "more can&#x27;t be saved" in page and 'value="role=viewer"' in page
        assert len(ListPreference.objects.get().views) == MOST_VIEWS

    def test_they_are_the_persons_alone_and_go_with_the_account(
        self, viewer: User, viewer_client: Client, manager_client: Client, frozen_clock: FrozenClock
    ) -> None:
        post(viewer_client, "save_own_view", SELLERS, name="Secret view", query="country=SE")
        assert "Secret view" not in manager_client.get("/where-to-buy/").content.decode()
        assert post(manager_client, "delete_own_view", SELLERS, name="Secret view").status_code == 404
        close_account(user=viewer, leaving=preview_closing(viewer).ids)
        assert not ListPreference.objects.exists()

    def test_of_a_list_that_there_is_not(self, viewer_client: Client) -> None:
        for stem in ("choose_own_columns", "save_own_view", "delete_own_view"):
            assert post(viewer_client, stem, "history", name="x", show="yes").status_code == 404
        for stem in ("own_list_csv", "own_list_xlsx"):
            assert viewer_client.get(reverse(stem, args=["history"])).status_code == 404
        assert set(own_lists.OWN_LISTS) == {MINE, SELLERS}
