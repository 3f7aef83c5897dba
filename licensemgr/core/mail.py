"""The outbox: mail is written in the transaction that causes it, and sent afterwards by the worker."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import formats

from licensemgr.core import clock
from licensemgr.core.models import OutboxMessage
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _

if TYPE_CHECKING:
    from organizations.models import Organization

# After this many tries a message stays in the outbox for staff to see.
# So long nobody else tries a message that a worker is sending; after it, the worker is taken to be dead.
CLAIMED_FOR = timedelta(minutes=10)
MAXIMUM_ATTEMPTS = 20
# For so long staff can see that and when a confidential message was sent.
CONFIDENTIAL_KEPT = timedelta(days=30)


def write_message(
    *,
    organization: "Organization | None",
    recipient: str,
    subject: str,
    body_text: str,
    reason: str,
    on: date,
    body_html: str = "",
    useful_until: date | None = None,
    is_confidential: bool = False,
) -> None:
    """Write a mail into the outbox in the caller's transaction; the same ``reason`` is written once only.

    After the business date ``useful_until`` nobody needs it any more, and it is not sent. ``is_confidential`` is for what
    lets its reader in (a code, a link): staff never see it, and its text is forgotten once it is sent.
    """
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
            "useful_until": useful_until,
            "is_confidential": is_confidential,
        },
    )


@acting(Part.UPKEEP)
def send_outbox(limit: int = 200) -> int:
    """Hand what is due in the outbox to the mail server; returns how many messages were sent.

    A message is marked in the transaction that locks it. One whose server fails is tried again later, ever more slowly.
    One that is of no use any more is given up, and says so.
    """
    sent = 0
    now = clock.real_now()
    due = OutboxMessage.objects.filter(sent_at=None, next_attempt_at__lte=now, attempts__lt=MAXIMUM_ATTEMPTS)
    for pk in list(due.order_by("pk").values_list("pk", flat=True)[:limit]):
        # Claimed by a conditional update before the mail server is asked, so that no lock is held meanwhile. For its whole time
        # from now: those before it may have taken long.
        now = clock.real_now()
        claimed = OutboxMessage.objects.filter(pk=pk, sent_at=None, next_attempt_at__lte=now).update(
            next_attempt_at=now + CLAIMED_FOR
        )
        if not claimed:
            continue
        message = OutboxMessage.objects.get(pk=pk)
        if message.useful_until is not None and message.useful_until < _today_of(message):
            _give_up(
                message,
                _("Not sent: it was of use until %(date)s only.")
                % {"date": formats.date_format(message.useful_until, "DATE_FORMAT")},
            )
        elif _send(message):
            sent += 1
    return sent


def waiting_messages(organization: "Organization", reasons: Sequence[str]) -> list[tuple[int, str]]:
    """The primary key and the reason of an organization's messages that are still to be sent; reasons begin with these."""
    waiting = OutboxMessage.objects.filter(organization=organization, sent_at=None, attempts__lt=MAXIMUM_ATTEMPTS)
    return [(pk, reason) for pk, reason in waiting.values_list("pk", "reason") if reason.startswith(tuple(reasons))]


def withdraw_messages(messages: Collection[int]) -> None:
    """Let these messages, where they are not sent yet, not be sent any more: what they tell of is over."""
    for message in OutboxMessage.objects.filter(pk__in=messages, sent_at=None) if messages else ():
        _give_up(message, _("Not sent: what it tells of was over before."))


def forget_recipient(address: str, substitute: str) -> None:
    """Nothing more is sent to ``address``; what was sent to it keeps ``substitute`` in its place (R35)."""
    messages = OutboxMessage.objects.filter(recipient__iexact=address)
    messages.filter(sent_at=None).delete()
    # What a mail server says of a recipient names the address.
    messages.update(recipient=substitute, last_error="")


def forget_old_confidential() -> None:
    """Delete the confidential messages that were sent, or given up, longer than CONFIDENTIAL_KEPT ago."""
    old = OutboxMessage.objects.filter(is_confidential=True, written_at__lt=clock.real_now() - CONFIDENTIAL_KEPT)
    old.exclude(sent_at=None, attempts__lt=MAXIMUM_ATTEMPTS).delete()


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
    OutboxMessage.objects.filter(pk=message.pk).update(
        sent_at=clock.real_now(), last_error="", **_forgotten_text(message)
    )
    return True


def _today_of(message: OutboxMessage) -> date:
    """Today by the clocks of the organization that the message is about (R1)."""
    return clock.today(message.organization) if message.organization else clock.now().date()


def _give_up(message: OutboxMessage, why: str) -> None:
    """Leave the message in the outbox for staff to see, unsent, as one that was tried for the last time."""
    OutboxMessage.objects.filter(pk=message.pk, sent_at=None).update(
        attempts=MAXIMUM_ATTEMPTS, withdrawn_at=clock.real_now(), last_error=why, **_forgotten_text(message)
    )


def _forgotten_text(message: OutboxMessage) -> dict[str, str]:
    """What of a confidential message is forgotten when it is done with; the demonstration's page of mail shows it."""
    return {"body_text": "", "body_html": ""} if message.is_confidential and not settings.DEMONSTRATION else {}
