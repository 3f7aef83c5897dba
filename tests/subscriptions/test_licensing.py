"""Product licensing and its summary page: what is shown, what is confirmed, what is refused (R14b-R20)."""

import html
import re
from datetime import date, timedelta

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from subscriptions.models import Allocation
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture
def started(books: Books) -> Books:
    """Camera Station with 10 core and 4 universal devices, started today, with licenses for two years in the wallet."""
    books.report(START, core=10, universal=4)
    books.start(START)
    books.redeem(START, core=20, universal=8)
    return books


def page(organization: Organization, stem: str = "product_licensing") -> str:
    """The address of a page of Camera Station."""
    return reverse(stem, args=[organization.slug, "camera-station"])


def confirmation_in(response: object) -> str:
    """The sealed confirmation that a summary page carries."""
    found = re.search(r'name="confirmation" value="([^"]+)"', response.content.decode())  # type: ignore[attr-defined]
    assert found
    return found[1]


FIRST_YEAR = {"y0-core-device": "10", "y0-universal-device": "4"}


def test_it_shows_six_years_with_need_allocated_missing_and_a_field_per_type(
    started: Books, manager_client: Client, organization: Organization
) -> None:
    response = manager_client.get(page(organization))
    text = response.content.decode()
    assert response.status_code == 200
    assert "Allocate licenses" in text
    assert "Allocate subscription licenses" in text
    assert "Current need" in text
    assert len(re.findall(r'name="y[0-5]-(?:core|universal)-device"', text)) == 12
    assert 'datetime="2032-03-01"' in text
    assert 'datetime="2033-02-28"' in text
    assert "covered from" not in text
    assert 'data-wallet-have="20"' in text
    assert 'data-wallet-have="8"' in text


def test_a_product_started_within_the_year_says_from_when_it_is_covered_and_keeps_the_organizations_days(
    started: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    later = date(2027, 6, 1)
    frozen_clock.move_to(later)
    started.report(later, product="audio-manager", system="Audio", audio=3)
    started.start(later, product="audio-manager")
    text = manager_client.get(reverse("product_licensing", args=[organization.slug, "audio-manager"])).content.decode()
    assert "covered from June 1, 2027" in text
    assert 'datetime="2027-03-01"' in text
    assert 'datetime="2028-02-29"' in text


@pytest.mark.parametrize(
    ("fill", "values"),
    [("0", ["10", "4"]), ("1", ["10", "4"] * 2), ("all", ["10", "4"] * 6), ("9", []), ("x", []), ("", [])],
)
def test_it_fills_in_what_is_missing_without_javascript(
    started: Books, manager_client: Client, organization: Organization, fill: str, values: list[str]
) -> None:
    text = manager_client.get(page(organization), {"fill": fill}).content.decode()
    assert re.findall(r'name="y[0-5]-[a-z-]+" value="([0-9]+)"', text) == values


def test_the_summary_states_periods_licenses_what_is_left_and_the_warning_and_changes_nothing(
    started: Books, manager_client: Client, organization: Organization
) -> None:
    response = manager_client.post(page(organization), FIRST_YEAR)
    text = response.content.decode()
    assert response.status_code == 200
    assert "14 licenses of" in text
    assert 'datetime="2027-03-01"' in text
    assert 'datetime="2028-02-29"' in text
    said = re.sub(r"<[^>]+>", "", text)
    assert "10 left (20 now, 10 allocated)" in said
    assert "4 left (8 now, 4 allocated)" in said
    # What is allocated and what the wallet holds lead to where they come from.
    links = re.findall(r'href="([^"]+)" data-why="([0-9]+)"', text)
    assert sorted(int(value) for _url, value in links) == [0, 0, 4, 8, 10, 20]
    for url, value in links:
        assert f"Why {value}?" in manager_client.get(html.unescape(url)).content.decode()
    assert organization.name in text
    assert "no way of transferring licenses" in text
    assert not Allocation.objects.exists()


def test_confirming_allocates_once_and_says_that_the_product_is_licensed(
    started: Books, manager_client: Client, organization: Organization
) -> None:
    sealed = confirmation_in(manager_client.post(page(organization), FIRST_YEAR))
    for _time in range(2):
        response = manager_client.post(page(organization, "confirm_allocation"), {"confirmation": sealed})
        assert (response.status_code, response["Location"]) == (303, page(organization))
        text = manager_client.get(response["Location"]).content.decode()
        assert "Your product is now licensed." in text
        assert "14 licenses were allocated." in text
    assert Allocation.objects.count() == 1
    assert started.stand(START).wallet["subscription"] == {"core-device": 10, "universal-device": 4}


def test_growth_beyond_the_allowance_is_allocated_and_licenses_the_product_again(
    started: Books, manager_client: Client, organization: Organization
) -> None:
    started.allocate(START, {"core": 10, "universal": 4})
    started.redeem(START, core=100)
    # 28 devices beyond the 14 allocated, and 14 of them within the allowance: 14 missing.
    started.report(START, core=38, universal=4)
    sealed = confirmation_in(manager_client.post(page(organization), {"y0-core-device": "14"}))
    manager_client.post(page(organization, "confirm_allocation"), {"confirmation": sealed})
    assert "Your product is now licensed." in manager_client.get(page(organization)).content.decode()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"y0-core-device": "9", "y0-universal-device": "4"}, ["9 entered, 10 missing, so 1 short", "1 short"]),
        ({"y0-core-device": "12", "y0-universal-device": "4"}, ["12 entered, 10 missing, so 2 too many"]),
        ({"y1-core-device": "10", "y1-universal-device": "4"}, ["March 1, 2027", "has to be filled first"]),
        (
            {
                f"y{year}-{code}": str(count)
                for year in range(3)
                for code, count in (("core-device", 10), ("universal-device", 4))
            },
            ["enough licenses in your product wallet", "14 licenses are missing"],
        ),
        ({}, ["Nothing was entered"]),
        ({"y6-core-device": "1"}, ["not on offer"]),
        ({"y0-audio-device": "1"}, ["not on offer"]),
    ],
)
def test_what_does_not_fit_is_answered_422_with_the_reason_in_numbers_and_what_was_typed(
    started: Books, manager_client: Client, organization: Organization, sent: dict[str, str], said: list[str]
) -> None:
    response = manager_client.post(page(organization), sent)
    text = response.content.decode()
    assert response.status_code == 422
    for part in said:
        assert part in text
    for name, value in sent.items():
        if not name.startswith("y6") and "audio" not in name:
            assert re.search(rf'name="{name}" value="{value}"', text)
    assert not Allocation.objects.exists()


@pytest.mark.parametrize(
    "bad", ["-1", "1.5", "1e3", "1" + "0" * 30, "ten", "1０", "0x10", "+3", "١0", "10;DROP", "1 0"]
)
def test_a_quantity_that_is_none_is_refused_with_a_sentence_and_kept(
    started: Books, manager_client: Client, organization: Organization, bad: str
) -> None:
    response = manager_client.post(page(organization), FIRST_YEAR | {"y0-core-device": bad})
    text = response.content.decode()
    assert response.status_code == 422
    assert "this is not a whole number" in text
    assert f'name="y0-core-device" value="{bad}"' in text
    assert not Allocation.objects.exists()


def test_htmx_gets_the_fragment(started: Books, manager_client: Client, organization: Organization) -> None:
    for sent, status in ((FIRST_YEAR, 200), ({"y0-core-device": "1"}, 422)):
        response = manager_client.post(page(organization), sent, headers={"HX-Request": "true"})
        assert response.status_code == status
        assert response.content.decode().strip().startswith('<div id="licensing"')
        assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize("change", ["device", "lot", "day"])
def test_what_changed_since_the_page_is_said_and_the_new_amounts_are_filled_in(
    started: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock, change: str
) -> None:
    sealed = confirmation_in(manager_client.post(page(organization), FIRST_YEAR))
    if change == "device":
        started.report(START, core=12, universal=4)
    elif change == "lot":
        started.redeem(START, core=1)
    else:
        frozen_clock.move_to(START + timedelta(days=1))
    response = manager_client.post(page(organization, "confirm_allocation"), {"confirmation": sealed})
    text = response.content.decode()
    assert response.status_code == 409
    assert "Something changed since this page was made, so nothing was allocated." in text
    said = {
        "device": "The current need changed.",
        "lot": "licenses in the product wallet changed",
        "day": "Today is March 2, 2027 now.",
    }
    assert said[change] in text
    assert not Allocation.objects.exists()
    again = manager_client.post(page(organization, "confirm_allocation"), {"confirmation": confirmation_in(response)})
    assert again.status_code == 303
    assert Allocation.objects.get().plan == {
        "0": {"core-device": 12 if change == "device" else 10, "universal-device": 4}
    }


def test_where_the_new_amounts_exceed_the_wallet_the_form_comes_back_with_them_filled_in(
    started: Books, manager_client: Client, organization: Organization
) -> None:
    sealed = confirmation_in(manager_client.post(page(organization), FIRST_YEAR))
    started.report(START, core=30, universal=4)
    response = manager_client.post(page(organization, "confirm_allocation"), {"confirmation": sealed})
    text = response.content.decode()
    assert response.status_code == 409
    assert 'name="y0-core-device" value="30"' in text
    assert "10 licenses are missing (Core device: 10)" in text


def test_a_page_of_last_year_is_shown_anew_with_the_years_of_today(
    started: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    both = FIRST_YEAR | {"y1-core-device": "10", "y1-universal-device": "4"}
    sealed = confirmation_in(manager_client.post(page(organization), both))
    frozen_clock.move_to(date(2028, 3, 1))
    response = manager_client.post(page(organization, "confirm_allocation"), {"confirmation": sealed})
    assert response.status_code == 409
    assert 'datetime="2028-03-01"' in response.content.decode()
    assert 'datetime="2027-03-01"' not in response.content.decode()


def test_a_forged_or_altered_confirmation_is_refused(
    started: Books, manager_client: Client, organization: Organization
) -> None:
    sealed = confirmation_in(manager_client.post(page(organization), FIRST_YEAR))
    foreign = signing.dumps({"plan": {}}, salt="elsewhere")
    for text in ("", "x", sealed[:-1], sealed[1:], "." + sealed, foreign, "\u00e9:\u00e9:\u00e9", ":" * 5, sealed * 2):
        response = manager_client.post(page(organization, "confirm_allocation"), {"confirmation": text})
        assert response.status_code == 422
        assert "This confirmation can" in response.content.decode()
    assert manager_client.post(page(organization, "confirm_allocation")).status_code == 422
    assert not Allocation.objects.exists()


def test_a_confirmation_counts_for_its_own_product_and_organization_only(
    started: Books,
    manager_client: Client,
    organization: Organization,
    other_organization: Organization,
    outsider_client: Client,
) -> None:
    sealed = confirmation_in(manager_client.post(page(organization), FIRST_YEAR))
    started.report(START, product="audio-manager", system="Audio", audio=3)
    other = Books(other_organization)
    other.report(START, core=10, universal=4)
    other.start(START)
    other.redeem(START, core=20, universal=8)
    elsewhere = reverse("confirm_allocation", args=[organization.slug, "audio-manager"])
    assert manager_client.post(elsewhere, {"confirmation": sealed}).status_code == 422
    assert (
        outsider_client.post(page(other_organization, "confirm_allocation"), {"confirmation": sealed}).status_code
        == 422
    )
    assert outsider_client.post(page(organization, "confirm_allocation"), {"confirmation": sealed}).status_code == 404
    assert not Allocation.objects.exists()


def test_a_viewer_looks_and_can_not_allocate(started: Books, viewer_client: Client, organization: Organization) -> None:
    text = viewer_client.get(page(organization)).content.decode()
    assert "Confirm allocation" not in text
    assert 'name="y0-core-device"' not in text
    assert viewer_client.post(page(organization), FIRST_YEAR).status_code == 403
    assert viewer_client.post(page(organization, "confirm_allocation"), {"confirmation": "x"}).status_code == 403


def test_before_the_start_the_page_says_so_and_leads_to_it(
    books: Books, manager_client: Client, organization: Organization
) -> None:
    books.report(START, core=10)
    text = manager_client.get(page(organization)).content.decode()
    assert "The subscription has not been started" in text
    assert page(organization, "start_subscription") in text
    assert manager_client.post(page(organization), FIRST_YEAR).status_code == 422


def test_compensation_is_explained_with_its_days(
    started: Books, manager_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    # Grace ends on 31 March. From 1 December on a license uses 91 days (31+31+29), so 274 come back of each.
    day = date(2027, 12, 1)
    frozen_clock.move_to(day)
    text = " ".join(manager_client.post(page(organization), FIRST_YEAR).content.decode().split())
    assert "each of the 10 licenses covers the current year from Dec. 1, 2027 on. That is 91 days of the 365" in text
    assert "So 274 days of each are given back. Together that is 2,740 license days." in text
    # 2740 = 7 x 365 + 185 and 4 x 274 = 1096 = 3 x 365 + 1
    assert "<strong>7 new licenses</strong> enter your Product wallet today. 185 days remain as credit." in text
    assert "<strong>3 new licenses</strong> enter your Product wallet today. 1 day remains as credit." in text


def test_the_page_asks_the_database_a_constant_number_of_times(
    started: Books, manager_client: Client, organization: Organization, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        manager_client.get(page(organization))
