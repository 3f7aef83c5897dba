"""The demonstration's clock and mail: there in demonstration mode alone."""

from datetime import date

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from licensemgr.core import clock
from licensemgr.core.models import DemonstrationClock, OutboxMessage
from organizations.models import Organization
from tests.factories import Books

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
CLOCK = "/demo/clock/"


@pytest.fixture
def demonstration(settings: Settings, monkeypatch: pytest.MonkeyPatch, books: Books, frozen_clock: object) -> Books:
    """Demonstration mode on 1 March 2027, by the demonstration's own clock; a trial runs."""
    books.report(START, core=10)
    monkeypatch.undo()
    settings.DEMONSTRATION = True
    # Set in its table, since the clock itself moves only forward and the machine's date may be later.
    DemonstrationClock.objects.create(pk=1, date=START, set_at=clock.real_now())
    return books


def test_outside_of_the_demonstration_there_is_none(manager_client: Client) -> None:
    assert manager_client.post(CLOCK, {"move": "day"}).status_code == 404
    assert manager_client.get("/demo/mail/").status_code == 404
    assert manager_client.get("/demo/mail/1/html/").status_code == 404
    assert "demobar" not in manager_client.get("/").content.decode()


@pytest.mark.parametrize(
    ("form", "then"),
    [
        ({"move": "day"}, date(2027, 3, 2)),
        ({"move": "month"}, date(2027, 4, 1)),
        ({"move": "next"}, date(2027, 4, 1)),
        ({"move": "date", "date": "2031-02-28"}, date(2031, 2, 28)),
    ],
)
def test_it_moves_the_clock_forward_and_returns(
    manager_client: Client, demonstration: Books, form: dict[str, str], then: date
) -> None:
    """The trial of 1 March 2027 ends on the 31st: the next thing that happens is on 1 April."""
    response = manager_client.post(CLOCK, {**form, "next": "/o/harbour/?sort=name"})
    assert (response.status_code, response["Location"]) == (303, "/o/harbour/?sort=name")
    assert clock.now().date() == then
    assert "demobar" in manager_client.get("/o/harbour/").content.decode()


def test_the_daily_job_runs_for_what_was_passed(manager_client: Client, demonstration: Books) -> None:
    demonstration.start(START)
    manager_client.post(CLOCK, {"move": "date", "date": "2029-06-01"})
    organization = Organization.objects.get(slug="harbour")
    assert organization.settled_through == date(2029, 6, 1)


def test_next_stops_where_something_changes_or_is_told(manager_client: Client, demonstration: Books) -> None:
    """Grace until 31 March 2027 and the renewal of 1 March 2028, each with the two notices before it."""
    demonstration.start(START)
    stops = []
    for _event in range(6):
        manager_client.post(CLOCK, {"move": "next"})
        stops.append(clock.now().date())
    assert stops == [
        date(2027, 3, 24),
        date(2027, 3, 30),
        date(2027, 4, 1),
        date(2028, 1, 1),
        date(2028, 1, 31),
        date(2028, 3, 1),
    ]


def test_next_passes_over_days_on_which_there_is_nothing_to_tell(manager_client: Client, demonstration: Books) -> None:
    """With this year and the next one licensed, the renewal is next."""
    demonstration.start(START)
    demonstration.redeem(START, core=21)
    demonstration.allocate(START, {"core": 10}, {"core": 10})
    manager_client.post(CLOCK, {"move": "next"})
    assert clock.now().date() == date(2028, 3, 1)


@pytest.mark.parametrize("typed", ["2020-01-01", "9999-12-31", "yesterday", "", "2027-02-30"])
def test_what_the_clock_cannot_do_is_422_with_a_sentence(
    manager_client: Client, demonstration: Books, typed: str
) -> None:
    response = manager_client.post(CLOCK, {"move": "date", "date": typed})
    assert response.status_code == 422
    assert "The clock was not moved" in response.content.decode()
    assert clock.now().date() == START


def test_it_returns_to_this_site_only(manager_client: Client, demonstration: Books) -> None:
    for url in ("https://example.org/", "//example.org/", "javascript:alert(1)", ""):
        assert manager_client.post(CLOCK, {"move": "day", "next": url})["Location"] == "/"


def test_signed_in_people_only_move_the_clock(anonymous_client: Client, demonstration: Books) -> None:
    assert anonymous_client.post(CLOCK, {"move": "day"}).status_code == 302
    assert clock.now().date() == START
    assert Client(enforce_csrf_checks=True).post(CLOCK, {"move": "day"}).status_code == 403


def test_mail_is_read_there_by_who_waits_for_a_code_too(anonymous_client: Client, demonstration: Books) -> None:
    assert "No mail yet" in anonymous_client.get("/demo/mail/").content.decode()
    OutboxMessage.objects.create(
        recipient="ada@example.com",
        subject="Grown",
        body_text="<script>alert(1)</script>",
        reason="test",
        business_date=START,
        written_at=clock.real_now(),
        next_attempt_at=clock.real_now(),
    )
    page = anonymous_client.get("/demo/mail/").content.decode()
    assert "ada@example.com" in page
    assert "<script>alert" not in page


def test_the_html_of_a_mail_is_shown_apart_and_can_do_nothing(manager_client: Client, demonstration: Books) -> None:
    demonstration.start(START)
    told = OutboxMessage.objects.get(recipient="administrator@example.com")
    page = manager_client.get("/demo/mail/").content.decode()
    assert f'href="/demo/mail/{told.pk}/html/"' in page
    shown = manager_client.get(f"/demo/mail/{told.pk}/html/")
    assert shown.content.decode() == told.body_html
    policy = {part.strip() for part in shown["Content-Security-Policy"].split(";")}
    assert policy == {
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "sandbox",
    }
    assert "unsafe-inline" not in manager_client.get("/demo/mail/")["Content-Security-Policy"]
    OutboxMessage.objects.update(body_html="")
    assert manager_client.get(f"/demo/mail/{told.pk}/html/").status_code == 404
    assert "/html/" not in manager_client.get("/demo/mail/").content.decode()


def test_mail_that_was_over_before_it_could_be_sent_is_shown_when_asked_for(
    manager_client: Client, demonstration: Books
) -> None:
    demonstration.start(START)
    demonstration.redeem(START, core=10)
    demonstration.allocate(START, {"core": 10})
    assert "grace period until" not in manager_client.get("/demo/mail/").content.decode()
    page = manager_client.get("/demo/mail/?all=1").content.decode()
    assert "grace period until" in page
    assert "Not sent: what it tells of was over before." in page
