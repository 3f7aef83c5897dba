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


def test_next_stops_at_the_end_of_grace_and_at_the_renewal(manager_client: Client, demonstration: Books) -> None:
    demonstration.start(START)
    manager_client.post(CLOCK, {"move": "next"})
    assert clock.now().date() == date(2027, 4, 1)
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


def test_signed_in_people_only(anonymous_client: Client, demonstration: Books) -> None:
    assert anonymous_client.post(CLOCK, {"move": "day"}).status_code == 302
    assert anonymous_client.get("/demo/mail/").status_code == 302
    assert clock.now().date() == START
    assert Client(enforce_csrf_checks=True).post(CLOCK, {"move": "day"}).status_code == 403


def test_mail_is_read_there(manager_client: Client, demonstration: Books) -> None:
    assert "No mail yet" in manager_client.get("/demo/mail/").content.decode()
    OutboxMessage.objects.create(
        recipient="ada@example.com",
        subject="Grown",
        body_text="<script>alert(1)</script>",
        reason="test",
        business_date=START,
        written_at=clock.real_now(),
        next_attempt_at=clock.real_now(),
    )
    page = manager_client.get("/demo/mail/").content.decode()
    assert "ada@example.com" in page
    assert "<script>alert" not in page
