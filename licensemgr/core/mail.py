"""The outbox: mail is written in the transaction that causes it, and sent afterwards by the worker."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage
from django.db import transaction

from licensemgr.core import clock
from licensemgr.core.models import OutboxMessage

if TYPE_CHECKING:
    from organizations.models import Organization

# After this many tries a message stays in the outbox for staff to see.
MAXIMUM_ATTEMPTS = 20


def write_message(
    *,
    organization: "Organization | None",
    recipient: str,
    subject: str,
    body_text: str,
    reason: str,
    on: date,
    body_html: str = "",
) -> None:
    """Write a mail into the outbox in the caller's transaction; the same ``reason`` is written once only."""
    now = clock.real_now()
    OutboxMessage.objects.get_or_create(
        reason=reason,
        defaults={
            "organization": organization,
            "recipient": recipient,
            "subject": " ".join(subject.split())[:200],
            "body_text": body_text,
            "body_html": body_html,
            "business_date": on,
            "written_at": now,
            "next_attempt_at": now,
        },
    )


def send_outbox(limit: int = 200) -> int:
    """Hand what is due in the outbox to the mail server; returns how many messages were sent.

    A message is marked in the transaction that locks it. One whose server fails is tried again later, ever more slowly.
    """
    sent = 0
    now = clock.real_now()
    due = OutboxMessage.objects.filter(sent_at=None, next_attempt_at__lte=now, attempts__lt=MAXIMUM_ATTEMPTS)
    for pk in list(due.order_by("pk").values_list("pk", flat=True)[:limit]):
        # Claimed by a conditional update before the mail server is asked, so that no lock is held meanwhile.
        claimed = OutboxMessage.objects.filter(pk=pk, sent_at=None, next_attempt_at__lte=now).update(
            next_attempt_at=now + timedelta(minutes=10)
        )
        if claimed and _send(OutboxMessage.objects.get(pk=pk)):
            sent += 1
    return sent


def _send(message: OutboxMessage) -> bool:
    mail = EmailMultiAlternatives(message.subject, message.body_text, to=[message.recipient])
    if message.body_html:
        mail.attach_alternative(message.body_html, "text/html")
    try:
        mail.send()
    except OSError as error:  # smtplib's errors are among them
        attempts = message.attempts + 1
        OutboxMessage.objects.filter(pk=message.pk).update(
            attempts=attempts,
            next_attempt_at=clock.real_now() + timedelta(minutes=min(2**attempts, 24 * 60)),
            last_error=f"{type(error).__name__}: {error}"[:300],
        )
        return False
    with transaction.atomic():
        OutboxMessage.objects.filter(pk=message.pk).update(sent_at=clock.real_now(), last_error="")
    return True


class DemonstrationMailbox(BaseEmailBackend):
    """Keeps mail in the outbox to be read at /demo/mail; nothing leaves the machine."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep mail that did not come from the outbox (password reset and the like) beside what did."""
        for number, mail in enumerate(email_messages):
            for recipient in mail.to:
                now = clock.real_now()
                if OutboxMessage.objects.filter(
                    recipient=recipient, subject=mail.subject, body_text=mail.body
                ).exists():
                    continue
                OutboxMessage.objects.create(
                    recipient=recipient,
                    subject=mail.subject[:200],
                    body_text=str(mail.body),
                    reason=f"mail:{now.isoformat()}:{number}:{recipient}"[:200],
                    business_date=clock.now().date(),
                    written_at=now,
                    sent_at=now,
                    next_attempt_at=now,
                )
        return len(email_messages)
