"""The outbox: what is sent, given up, forgotten, and never shown."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from licensemgr.core import clock
from licensemgr.core.mail import CLAIMED_FOR, MAXIMUM_ATTEMPTS, forget_recipient, send_outbox, write_message
from licensemgr.core.models import OutboxMessage
from licensemgr.portal.tasks import forget_expired
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db
SECRET = "HBRR-CMRS"


def write(today: date, **options: Any) -> OutboxMessage:
    """A message to Ada."""
    given = {"recipient": "ada@example.com", "subject": "A code", "body_text": SECRET, "reason": "test"} | options
    write_message(organization=None, body_html=f"<p>{SECRET}</p>", on=today, **given)
    return OutboxMessage.objects.get(reason=given["reason"])


def test_it_is_sent_with_plain_text_and_html(today: date) -> None:
    write(today)
    assert (send_outbox(), send_outbox()) == (1, 0)
    [sent] = mail.outbox
    assert isinstance(sent, mail.EmailMultiAlternatives)
    assert (sent.body, [tuple(part) for part in sent.alternatives]) == (SECRET, [(f"<p>{SECRET}</p>", "text/html")])


@pytest.mark.parametrize(("days", "sent"), [(0, 1), (1, 0)], ids=["on its last day", "a day later"])
def test_what_is_of_no_use_any_more_is_not_sent(frozen_clock: FrozenClock, days: int, sent: int) -> None:
    message = write(frozen_clock.today, useful_until=frozen_clock.today, is_confidential=True)
    frozen_clock.move_to(frozen_clock.today + timedelta(days=days))
    assert (send_outbox(), len(mail.outbox)) == (sent, sent)
    message.refresh_from_db()
    if not sent:
        assert (message.sent_at, message.attempts, message.body_text) == (None, MAXIMUM_ATTEMPTS, "")
        assert message.last_error == "Not sent: it was of use until March 1, 2027 only."
        # It is not looked at again, whatever the clock says.
        frozen_clock.move_to(date(2027, 3, 1))
        assert send_outbox() == 0


def test_a_mail_is_sent_once_though_those_before_it_took_long(today: date, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        write(today, reason=f"mail {number}", subject=f"Mail {number}")
    given = []
    with time_machine.travel(clock.real_now(), tick=False) as traveller:

        def send(message: mail.EmailMessage) -> int:
            given.append(message.subject)
            if len(given) == 1:
                traveller.shift(CLAIMED_FOR)
            else:
                # Another worker looks for mail while this one has the second in hand.
                assert send_outbox() == 0
            return 1

        monkeypatch.setattr(mail.EmailMultiAlternatives, "send", send)
        assert send_outbox() == 2
    assert given == ["Mail 1", "Mail 2"]


def test_a_confidential_text_is_forgotten_once_it_is_sent(today: date) -> None:
    message = write(today, is_confidential=True)
    assert send_outbox() == 1
    assert mail.outbox[0].body == SECRET
    message.refresh_from_db()
    assert (message.body_text, message.body_html, message.recipient) == ("", "", "ada@example.com")


def test_the_demonstration_keeps_it_for_its_page_of_mail(
    today: date, settings: Settings, anonymous_client: Client
) -> None:
    settings.DEMONSTRATION = True
    write(today, is_confidential=True)
    send_outbox()
    assert SECRET in anonymous_client.get("/demo/mail/").content.decode()


def test_staff_see_that_it_was_sent_and_never_what_it_says(today: date, staff_client: Client) -> None:
    message = write(today, is_confidential=True)
    messages = reverse("admin:core_outboxmessage_changelist")
    for url in (messages, reverse("admin:core_outboxmessage_change", args=[message.pk])):
        page = staff_client.get(url).content.decode()
        assert "ada@example.com" in page and SECRET not in page
    # Nor can it be found out by searching for it.
    assert "ada@example.com" not in staff_client.get(messages, {"q": SECRET}).content.decode()
    open_to_staff = write(today, reason="another")
    assert SECRET in staff_client.get(f"/admin/core/outboxmessage/{open_to_staff.pk}/change/").content.decode()


def test_what_is_long_done_with_is_deleted(today: date) -> None:
    with time_machine.travel(clock.real_now(), tick=False) as traveller:
        write(today, reason="sent", is_confidential=True)
        write(today, reason="a notice")
        send_outbox()
        write(today, reason="waits", is_confidential=True)
        traveller.shift(timedelta(days=29))
        forget_expired()
        assert OutboxMessage.objects.count() == 3
        traveller.shift(timedelta(days=2))
        forget_expired()
    assert set(OutboxMessage.objects.values_list("reason", flat=True)) == {"a notice", "waits"}


def test_a_forgotten_recipient_is_mailed_no_more(today: date) -> None:
    write(today, reason="sent")
    send_outbox()
    write(today, reason="waits")
    forget_recipient("ADA@example.com", "closed@account.invalid")
    assert list(OutboxMessage.objects.values_list("reason", "recipient")) == [("sent", "closed@account.invalid")]
