"""Systems that are online: when they were last heard, which are silent, how they joined (R28)."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from hardware.models import RegistrationCode, SystemIdentity
from licensemgr.core import signing_keys
from licensemgr.core.moments import say_ago
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Organization, User
from products.models import System, SystemSource
from tests.api.calls import code_for, get_license, post_report
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.hardware.offline import DAY, staged, system_file, vessel
from tests.hardware.test_setup import SETUP, count_queries, names, read, rows, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keys(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems that report are given license files."""
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


@pytest.fixture
def fleet(
    books: Books, organization: Organization, administrator: User, frozen_clock: FrozenClock
) -> dict[str, SimulatedSystem]:
    """Four systems that joined at noon of 1 March; three days later, at 12:00, Bell was heard an hour ago, Anchor just now.

    Crane was last heard exactly 72 hours ago, Dock a second later. One more was entered by hand, one reports without calling.
    """
    code = code_for(organization, administrator, uses=4)
    systems = {name: vessel(name) for name in ("Anchor", "Bell", "Crane", "Dock")}
    for system in systems.values():
        assert post_report(system_file(system), code).status_code == 200
    books.report(DAY, system="By hand", source=SystemSource.MANUAL, core=1)
    books.report(DAY, system="Elder", core=1)
    frozen_clock.instant += timedelta(seconds=1)
    assert get_license(systems["Dock"]).status_code == 200
    frozen_clock.instant = datetime(2027, 3, 4, 11, tzinfo=UTC)
    assert get_license(systems["Bell"]).status_code == 200
    frozen_clock.instant = datetime(2027, 3, 4, 12, tzinfo=UTC)
    assert get_license(systems["Anchor"]).status_code == 200
    return systems


def heard(page: str) -> dict[str, str]:
    """What each row says under “Last heard”."""
    return dict(zip(names(page), (row["Last heard"] for row in rows(page)), strict=True))


def test_setup_tells_when_each_was_last_heard_by_the_organizations_clocks(
    viewer_client: Client, fleet: dict[str, SimulatedSystem], organization: Organization
) -> None:
    Organization.objects.filter(pk=organization.pk).update(time_zone="Asia/Tokyo")
    page = read(viewer_client)
    assert heard(page) == {
        "Anchor": "just now (March 4, 2027, 21:00)",
        "Bell": "1 hour ago (March 4, 2027, 20:00)",
        "By hand": "–",
        "Crane": "Silent since March 1, 2027, 21:00 (3 days ago)",
        "Dock": "2 days ago (March 1, 2027, 21:00)",
        "Elder": "–",
    }
    assert "1 system that is online is silent." in page
    # A word and a mark, not a colour alone.
    assert re.search(r"#hourglass\"></use></svg>Silent</span>", page)


def test_silence_begins_after_the_configured_hours(
    viewer_client: Client, fleet: dict[str, SimulatedSystem], monkeypatch: pytest.MonkeyPatch, frozen_clock: FrozenClock
) -> None:
    assert names(read(viewer_client, "?contact=silent")) == ["Crane"]
    assert names(read(viewer_client, "?contact=heard")) == ["Anchor", "Bell", "Dock"]
    frozen_clock.instant += timedelta(seconds=1)
    assert names(read(viewer_client, "?contact=silent")) == ["Crane", "Dock"]
    monkeypatch.setattr(settings, "SILENT_AFTER_HOURS", 1)
    assert names(read(viewer_client, "?contact=silent")) == ["Bell", "Crane", "Dock"]
    assert names(read(viewer_client, "?contact=silent&search=bell")) == ["Bell"]
    assert names(read(viewer_client, "?contact=heard&source=manual")) == []
    assert len(names(read(viewer_client, "?contact=nonsense"))) == 6


def test_it_is_sorted_by_last_heard_across_pages(
    viewer_client: Client, fleet: dict[str, SimulatedSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ["By hand", "Elder", "Crane", "Dock", "Bell", "Anchor"]
    assert names(read(viewer_client, "?sort=heard")) == order
    monkeypatch.setattr("hardware.listing.ROWS_PER_PAGE", 2)
    for sort, expected in (("heard", order), ("-heard", [*order[:1:-1], "Elder", "By hand"])):
        found, query = [], f"?sort={sort}"
        while query:
            page = read(viewer_client, query)
            found.append(names(page))
            following = re.search(r'rel="next" href="([^"]*)"', page)
            query = following[1].replace("&amp;", "&") if following else ""
        assert found == [expected[0:2], expected[2:4], expected[4:6]]


def test_nothing_is_said_of_calls_where_no_system_makes_any(manager_client: Client, books: Books) -> None:
    books.report(DAY, system="Elder", core=1)
    page = read(manager_client)
    assert "Last heard" not in page
    # The word's explanation stands there as ever.
    assert "silent" not in page.replace('id="term-silent"', "").replace("term-silent", "")


def test_a_system_that_went_offline_or_away_is_not_silent(
    manager_client: Client, fleet: dict[str, SimulatedSystem], organization: Organization
) -> None:
    address = staged(manager_client, organization.slug, system_file(fleet["Crane"], core=2))
    assert manager_client.post(address).status_code == 303
    assert System.objects.get(name="Crane").source == SystemSource.OFFLINE
    page = read(manager_client)
    assert heard(page)["Crane"] == "–"
    assert "is silent" not in page
    assert names(read(manager_client, "?contact=silent")) == []


def test_the_systems_page_tells_how_it_joined_and_what_happens_next(
    viewer_client: Client, fleet: dict[str, SimulatedSystem]
) -> None:
    def page_of(name: str) -> str:
        system = System.objects.get(name=name)
        return text_of(viewer_client.get(f"{SETUP}{system.system_id}/").content.decode())

    code = RegistrationCode.objects.get()
    bell = page_of("Bell")
    assert "Last heard 1 hour ago (March 4, 2027, 11:00)" in bell
    assert f"Joined by Site …{code.tail}" in bell
    assert f"Thumbprint of its key {fleet['Bell'].key.thumbprint()}" in bell
    assert "Last report March 1, 2027 No. 1 (Online), received March 1, 2027, 12:00" in bell
    assert "This system fetches its license by itself the next time it calls; there is no file to carry." in bell
    crane = page_of("Crane")
    assert "Silent since March 1, 2027, 12:00" in crane
    assert "Look whether the system runs and reaches this portal." in crane
    assert "there is no file to carry" not in crane
    for name in ("By hand", "Elder"):
        assert "Last heard" not in page_of(name)
        assert "Joined by" not in page_of(name)


def test_no_file_is_offered_for_a_system_that_fetches_its_license(
    manager_client: Client, fleet: dict[str, SimulatedSystem], books: Books
) -> None:
    address = f"{SETUP}{System.objects.get(name='Bell').system_id}/"
    assert "No. 1, given March 1, 2027" in text_of(manager_client.get(address).content.decode())
    # The subscription starts, so that another license is due.
    books.start(date(2027, 3, 4))
    for page in (read(manager_client, "?search=bell"), manager_client.get(address).content.decode()):
        assert "The system fetches a newer one by itself: it is licensed by the subscription now." in text_of(page)
        assert "Download license file" not in page
    assert manager_client.post(staged(manager_client, "harbour", system_file(fleet["Bell"]))).status_code == 303
    assert "Download license file" in manager_client.get(address).content.decode()


def test_the_number_of_queries_does_not_grow_with_systems_that_call(
    manager_client: Client, fleet: dict[str, SimulatedSystem], organization: Organization, administrator: User
) -> None:
    queries = ("", "?contact=silent", "?sort=-heard")
    few = [count_queries(manager_client, query) for query in queries]
    code = code_for(organization, administrator, uses=9)
    for number in range(9):
        assert post_report(system_file(vessel(f"More {number}")), code).status_code == 200
    SystemIdentity.objects.filter(system__name__startswith="More").update(heard_at=datetime(2027, 3, 1, tzinfo=UTC))
    assert [count_queries(manager_client, query) for query in queries] == few


def test_the_product_list_and_my_systems_count_who_is_silent(
    viewer_client: Client, fleet: dict[str, SimulatedSystem], frozen_clock: FrozenClock
) -> None:
    page = viewer_client.get("/o/harbour/").content.decode()
    assert "6 1 silent" in text_of(page)
    assert f'href="{SETUP}?contact=silent"' in page
    assert re.search(r"\b6\b.{0,40} 1 silent", text_of(viewer_client.get("/").content.decode()))
    frozen_clock.instant += timedelta(days=9)
    assert re.search(r"\b6\b.{0,40} 4 silent", text_of(viewer_client.get("/").content.decode()))


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47, minutes=59), "47 hours ago"),
        (timedelta(hours=48), "2 days ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_how_long_ago(passed: timedelta, words: str) -> None:
    assert say_ago(passed) == words
