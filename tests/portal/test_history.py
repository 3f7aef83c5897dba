"""History: who did what, when and with which product; searched, filtered, exported (R30, R32)."""

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from history.models import Action, Record
from history.record import record
from history.sentences import _SENTENCES, Names, sentence
from licensemgr.core.spreadsheets import safe_cell
from organizations.models import Organization, User
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture
def lived(books: Books) -> Books:
    """A first year: registered, started, redeemed, allocated."""
    books.report(START, core=10, universal=4)
    books.start(START)
    books.redeem(START, core=10, universal=4)
    books.allocate(START, {"core": 10, "universal": 4})
    return books


def page(organization: Organization, stem: str = "history") -> str:
    """The address of a page of the organization."""
    return reverse(stem, args=[organization.slug])


def csv_url(organization: Organization) -> str:
    """The address of History as a file."""
    return reverse("list_csv", args=[organization.slug, "history"])


def rows(response: object) -> list[list[str]]:
    """The rows of an export."""
    body = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


def test_it_tells_everything_in_sentences_with_names(
    lived: Books, viewer_client: Client, organization: Organization, administrator: User
) -> None:
    text = viewer_client.get(page(organization)).content.decode()
    for part in (
        "The organization Harbour Cameras was created.",
        "Ada Minister became a member (administrator).",
        "System Main was added: 10 Core device, 4 Universal device.",
        "The subscription was started. Subscription year March 1, 2027 to Feb. 29, 2028, grace period until March 31,",
        "was redeemed: 10 Core device, 4 Universal device.",
        "Licenses were allocated: 10 Core device, 4 Universal device to the year March 1, 2027 to Feb. 29, 2028.",
        "became fully licensed. Its growth allowance is 14.",
        "License Manager",
    ):
        assert part in text


def test_every_action_has_its_sentence_and_no_payload_breaks_it(organization: Organization) -> None:
    assert set(_SENTENCES) == set(Action.values)
    shapes: tuple[Any, ...] = (
        {},
        [],
        "text",
        7,
        None,
        {"licenses": 3},
        {"years": [1, {"licenses": []}]},
        {"devices": "x", "before": [1]},
        {"licenses": {"x": "y"}, "first_day": "never", "allowance": "z", "member": "m", "after": 1},
    )
    for action in Action:
        for payload in shapes:
            told = sentence(Record(organization=organization, action=action, payload=payload), Names())
            assert told
    assert sentence(Record(organization=organization, action="gone.by", payload={}), Names()) == "gone.by"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"q": "core-device allocated"}, {Action.LICENSES_ALLOCATED}),
        ({"q": "MAIN"}, {Action.SYSTEM_ADDED}),
        ({"action": Action.KEY_REDEEMED.value}, {Action.KEY_REDEEMED}),
        ({"q": "no such thing"}, set()),
        ({"since": "2027-03-02"}, set()),
        ({"until": "2027-02-28"}, set()),
        (
            {"since": "2027-03-01", "until": "2027-03-01", "action": Action.YEAR_FULLY_LICENSED.value},
            {Action.YEAR_FULLY_LICENSED},
        ),
        ({"product": "audio-manager"}, set()),
    ],
)
def test_search_and_filters_are_in_the_address(
    lived: Books, viewer_client: Client, organization: Organization, asked: dict[str, str], found: set[Action]
) -> None:
    lived.report(START, product="audio-manager", system="Audio", audio=1)
    response = viewer_client.get(page(organization), asked)
    assert response.status_code == 200
    got = {line.record.action for line in response.context["lines"]}
    if "product" in asked:
        assert got == {Action.PRODUCT_REGISTERED, Action.SYSTEM_ADDED}
    else:
        assert got == {str(action) for action in found}


def test_it_is_filtered_by_person_and_by_the_system_itself(
    lived: Books, viewer_client: Client, organization: Organization, administrator: User
) -> None:
    mine = viewer_client.get(page(organization), {"person": str(administrator.pk)})
    assert {line.who for line in mine.context["lines"]} == {"Ada Minister"}
    systems = viewer_client.get(page(organization), {"person": "system"})
    assert {line.who for line in systems.context["lines"]} == {"License Manager"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"since": "yesterday"}, "This is not a date."),
        ({"until": "2027-02-30"}, "This is not a date."),
        ({"since": "99999-01-01"}, "This is not a date."),
        ({"since": "2027-03-02", "until": "2027-03-01"}, "lies before the first one"),
        ({"action": "nothing"}, "This choice does not exist here"),
        ({"person": "0 OR 1=1"}, "This choice does not exist here"),
        ({"product": "other"}, "This choice does not exist here"),
        ({"before": "x"}, "newest records are shown"),
        ({"before": "9" * 40}, "newest records are shown"),
        ({"q": "x" * 101}, "at most 100 characters"),
    ],
)
def test_what_can_not_be_read_is_told_and_left_out(
    lived: Books, viewer_client: Client, organization: Organization, asked: dict[str, str], said: str
) -> None:
    response = viewer_client.get(page(organization), asked)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert viewer_client.get(csv_url(organization), asked).status_code == 422


def test_a_person_of_another_organization_is_no_choice(
    lived: Books, viewer_client: Client, organization: Organization, outsider: User, other_organization: Organization
) -> None:
    response = viewer_client.get(page(organization), {"person": str(outsider.pk)})
    assert response.status_code == 422
    assert "outsider" not in response.content.decode()


def test_pages_follow_each_other_without_gap_or_repetition(
    lived: Books, viewer_client: Client, organization: Organization
) -> None:
    for number in range(120):
        record(organization=organization, action=Action.MEMBER_REMOVED, actor=None, on=START, member=number)
    seen: list[int] = []
    asked: dict[str, str] = {}
    while True:
        context = viewer_client.get(page(organization), asked).context
        seen += [line.record.sequence for line in context["lines"]]
        if context["next_before"] is None:
            break
        asked = {"before": str(context["next_before"])}
    assert seen == list(range(Record.objects.filter(organization=organization).count(), 0, -1))


def test_the_number_of_queries_does_not_grow_with_the_records(
    lived: Books, viewer_client: Client, organization: Organization, django_assert_max_num_queries: object
) -> None:
    for number in range(60):
        record(organization=organization, action=Action.MEMBER_REMOVED, actor=None, on=START, member=number)
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        viewer_client.get(page(organization))


def test_the_time_is_that_of_the_organization(
    lived: Books, viewer_client: Client, organization: Organization, frozen_clock: FrozenClock
) -> None:
    Organization.objects.filter(pk=organization.pk).update(time_zone="Pacific/Kiritimati")
    [newest, *_rest] = viewer_client.get(page(organization)).context["lines"]
    assert newest.local.utcoffset() == timedelta(hours=14)


def test_the_export_holds_what_is_filtered(lived: Books, viewer_client: Client, organization: Organization) -> None:
    response = viewer_client.get(csv_url(organization), {"action": Action.LICENSES_ALLOCATED.value})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="history-harbour-2027-03-01.csv"'
    head, *found = rows(response)
    assert head[0] == "Number"
    assert len(found) == 1
    assert found[0][5] == "Licenses allocated"
    assert found[0][1] == "2027-03-01"
    everything = rows(viewer_client.get(csv_url(organization)))
    assert len(everything) - 1 == Record.objects.filter(organization=organization).count()


def test_the_export_is_whole_beyond_one_chunk(lived: Books, viewer_client: Client, organization: Organization) -> None:
    for number in range(1100):
        record(organization=organization, action=Action.MEMBER_REMOVED, actor=None, on=START, member=number)
    numbers = [int(row[0]) for row in rows(viewer_client.get(csv_url(organization)))[1:]]
    assert numbers == list(range(max(numbers), 0, -1))


def test_cells_that_a_spreadsheet_would_run_are_escaped(
    lived: Books, viewer_client: Client, organization: Organization
) -> None:
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"):
        assert safe_cell(text) == f"'{text}"
    assert safe_cell("10 Core") == "10 Core"
    user = User.objects.create_user("x@example.com", first_name="=cmd|' /C calc'!A0", last_name="x")
    record(organization=organization, action=Action.MEMBER_REMOVED, actor=user, on=START, member=user.pk)
    newest = rows(viewer_client.get(csv_url(organization)))[1]
    assert newest[3].startswith("'=cmd")
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in newest)


def test_another_organizations_history_does_not_exist(
    lived: Books, outsider_client: Client, organization: Organization, other_organization: Organization
) -> None:
    for url in (page(organization), csv_url(organization)):
        assert outsider_client.get(url).status_code == 404
    assert "Harbour Cameras" not in outsider_client.get(page(other_organization)).content.decode()


def test_htmx_gets_the_records_alone_and_the_whole_page_when_it_goes_back(
    lived: Books, viewer_client: Client, organization: Organization
) -> None:
    text = viewer_client.get(page(organization), headers={"HX-Request": "true"}).content.decode().strip()
    assert text.startswith('<section class="panel" id="history-records"')
    back = viewer_client.get(page(organization), headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in back.content.decode()
