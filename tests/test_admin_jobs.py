"""Staff see whether the jobs keep up: last runs, who waits since when, mail that waits or fails, the clock (R2, R3)."""

from datetime import date, time, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.formats import date_format

from licensemgr.core import clock
from licensemgr.core.mail import MAXIMUM_ATTEMPTS, withdraw_messages
from licensemgr.core.models import OutboxMessage
from licensemgr.portal.daily import run_daily
from licensemgr.portal.lag import lag
from organizations.models import Organization
from tests.admin_pages import said, staff_person
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


def mail(number: int, *, hours: int, attempts: int = 0, sent: bool = False) -> OutboxMessage:
    """A message that was written so many hours ago."""
    written = clock.real_now() - timedelta(hours=hours, minutes=5)
    return OutboxMessage.objects.create(
        recipient=f"r{number}@example.com",
        subject=f"Subject {number}",
        body_text="text",
        reason=f"test:{number}",
        business_date=START,
        written_at=written,
        sent_at=written if sent else None,
        attempts=attempts,
        next_attempt_at=written,
        last_error="Connection refused" if attempts else "",
    )


@pytest.fixture
def due(books: Books) -> date:
    """The day on which the next thing is due for Harbour Cameras: licenses are stored, and will expire."""
    books.report(START, core=1)
    books.redeem(START, core=1)
    found = Organization.objects.get(pk=books.organization.pk).next_due_on
    assert found is not None and found > START
    return found


def test_who_waits_for_the_daily_job_is_counted_and_the_oldest_named(
    due: date, staff_client: Client, frozen_clock: FrozenClock
) -> None:
    """On the day itself nobody is late yet."""
    for days, behind in ((0, 0), (1, 1)):
        frozen_clock.move_to(due + timedelta(days=days))
        assert lag().behind == behind, days
    today = due + timedelta(days=10)
    frozen_clock.move_to(today)
    since, now = date_format(due, "DATE_FORMAT"), date_format(today, "DATE_FORMAT")
    text = said(staff_client.get(reverse("admin_jobs")))
    assert f"Organizations that wait for the daily job 1, the oldest since {since}" in text
    assert f"Harbour Cameras {since} 10" in text
    assert "Latest date to which any books were brought March 1, 2027" in text
    run_daily()
    text = said(staff_client.get(reverse("admin_jobs")))
    assert "Organizations that wait for the daily job 0" in text
    assert f"run_daily {now}" in text
    assert f"Latest date to which any books were brought {now}" in text
    assert f"Now, by the portal's clock {now}, noon UTC" in text


def test_each_organization_is_late_by_its_own_date(due: date, frozen_clock: FrozenClock) -> None:
    """At 22:00 UTC it is the next day in Auckland already (R1)."""
    for zone, behind in (("Pacific/Auckland", 1), ("UTC", 0)):
        Organization.objects.update(time_zone=zone)
        frozen_clock.move_to(due, time(22))
        assert lag().behind == behind, zone


def test_mail_that_waits_fails_or_was_given_up_is_told_apart(staff_client: Client, frozen_clock: FrozenClock) -> None:
    assert lag().outbox.oldest is None and lag().oldest_mail_hours == 0
    mail(1, hours=90, sent=True)
    mail(2, hours=30, attempts=3)
    mail(3, hours=2)
    mail(4, hours=50, attempts=MAXIMUM_ATTEMPTS)
    withdraw_messages([mail(5, hours=60).pk])
    text = said(staff_client.get(reverse("admin_jobs")))
    assert "Mail that waits 2, the oldest for 30 hours" in text
    assert "Mail that failed and is tried again 1" in text
    assert "Mail that was given up 1" in text
    assert "Mail that was of no use any more and was not sent 1" in text
    assert "Subject 5" not in text
    assert "Subject 4 r4@example.com 20 Connection refused Subject 2 r2@example.com 3 Connection refused" in text


def test_the_page_is_for_staff_who_may_see_jobs(manager_client: Client, anonymous_client: Client, db: None) -> None:
    page = reverse("admin_jobs")
    assert anonymous_client.get(page).status_code == 302
    assert manager_client.get(page, follow=True).status_code == 403
    _person, clerk = staff_person()
    assert clerk.get(page).status_code == 403
    assert page not in clerk.get(reverse("admin:index")).content.decode()
    _person, looker = staff_person("core.view_jobrun", email="looker@example.net")
    assert looker.get(page).status_code == 200
    assert page in looker.get(reverse("admin:index")).content.decode()
    assert looker.post(page).status_code == 405
