"""Two beats are harmless: whatever the schedule names, run by two workers at once and again, takes effect once."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail as sent_mail
from django.db import connection

from licensemgr.celery import app
from licensemgr.core import mail
from licensemgr.core.mail import write_message
from licensemgr.core.models import OutboxMessage
from licensemgr.core.pulses import note_run
from organizations.models import Organization
from tests import factories
from tests.concurrency.racing import Gate, at_once
from tests.conftest import FrozenClock
from wallet.models import Transfer, TransferReason

pytestmark = pytest.mark.django_db(transaction=True)

JOBS = sorted({entry["task"] for entry in app.conf.beat_schedule.values()})


def by_two_beats() -> list[Any]:
    """Each job of the schedule by each of two workers, all at once; twice, as beats that are out of step."""
    app.loader.import_default_modules()
    results: list[Any] = []
    for _time in range(2):
        results += at_once([app.tasks[name].run for name in JOBS for _beat in range(2)])
    return [result for result in results if isinstance(result, Exception)]


def test_what_is_due_happens_once(organization: Organization, frozen_clock: FrozenClock) -> None:
    registered = factories.register(organization, factories.camera_station(), on=frozen_clock.today, core=2)
    factories.redeem(registered, on=frozen_clock.today, core=5)
    write_message(
        reason="code", organization=None, recipient="a@example.com", subject="S", body_text="B", on=frozen_clock.today
    )
    frozen_clock.move_to(date(2032, 3, 1))
    assert by_two_beats() == []
    # Five licenses expired, once; the mail went out once, whatever else was due for the day.
    [expired] = Transfer.objects.filter(reason=TransferReason.EXPIRED)
    assert expired.happened_on == date(2032, 3, 1)
    assert [message.to for message in sent_mail.outbox if message.subject == "S"] == [["a@example.com"]]
    assert OutboxMessage.objects.get(reason="code").attempts == 0


def _write(number: int) -> None:
    write_message(
        reason=f"code {number}",
        organization=None,
        recipient=f"a{number}@example.com",
        subject="S",
        body_text="B",
        on=date(2027, 3, 1),
    )


def test_without_the_claim_two_workers_send_one_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    _write(1)
    # A claim that is over before it begins.
    monkeypatch.setattr(mail, "CLAIMED_FOR", timedelta(minutes=-1))
    sending = Gate(monkeypatch, mail, "_send", waits_for=2)
    at_once([mail.send_outbox] * 2)
    assert sending.passed == len(sent_mail.outbox) == 2


def test_each_mail_is_sent_by_one_of_four_workers() -> None:
    for number in range(20):
        _write(number)
    results = at_once([mail.send_outbox] * 4)
    assert sum(results) == 20
    assert sorted(message.to[0] for message in sent_mail.outbox) == sorted(
        f"a{number}@example.com" for number in range(20)
    )


def test_runs_that_end_at_once_are_all_counted() -> None:
    results = at_once([lambda: note_run("portal.run_daily", seconds=1, succeeded=True)] * 6)
    assert results == [None] * 6
    with connection.cursor() as cursor:
        cursor.execute("SELECT runs, failures FROM core_jobpulse")
        assert cursor.fetchall() == [(6, 0)]
