"""The mails of three simulated years, read and counted: each once, none after what it tells of is solved (R3, R9, R12, R22).

The life, worked out by hand. Camera Station starts on 1 March 2027, Audio Manager on 15 May 2027; years begin on 1 March.
Of a renewal on 1 March the notices are 60 days before, on 1 January 2028 (29 days of February, 31 of January) and on
31 December 2028 and 2029, and 30 days before, on 31 January 2028, 30 January 2029 and 2030. A grace period that opens on
1 March ends on the 31st: 7 days before is the 24th, the day before is the 30th. The lot of 10 September 2023 expires on
10 September 2028: 180, 90 and 30 days before are 14 March, 12 June and 11 August.
"""

import random
from collections.abc import Callable, Iterable
from datetime import date, timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from licensemgr.core.mail import send_outbox
from licensemgr.core.models import OutboxMessage
from licensemgr.portal.daily import run_daily
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member, change_organization, choose_notices, create_organization, remove_member
from tests.conftest import FrozenClock
from tests.factories import Books, UserFactory

pytestmark = pytest.mark.django_db

AUDIO = "audio-manager"
ADA, MAX, QUIET, SECOND = "ada@example.com", "max@example.com", "quiet@example.com", "second@example.com"
CONTACT = "licenses@example.com"
BEFORE, FIRST, LAST = date(2023, 9, 10), date(2027, 3, 1), date(2030, 2, 28)
Verb = Callable[[Books, date], object]
# When it was sent, to whom, and the subject without the organization.
Mail = tuple[date, str, str]


def _join(email: str, role: Role) -> Verb:
    def verb(books: Books, on: date) -> None:
        user = User.objects.filter(email=email).first() or UserFactory.create(email=email)
        add_member(organization=books.organization, user=user, role=role, actor=None, on=on)

    return verb


def _member(books: Books, email: str) -> Membership:
    return Membership.objects.select_related("organization").get(organization=books.organization, user__email=email)


def _switch_off(email: str) -> Verb:
    return lambda books, on: choose_notices(membership=_member(books, email), wants_notices=False)


def _leave(email: str) -> Verb:
    return lambda books, on: remove_member(membership=_member(books, email), actor=None, on=on)


def _contact(address: str) -> Verb:
    return lambda books, on: change_organization(
        organization=books.organization,
        name=books.organization.name,
        country="",
        time_zone="UTC",
        notices_email=address,
        actor=None,
        on=on,
    )


# Those of the days on which people change; the rest change the books.
PEOPLE = {date(2028, 7, 1), date(2029, 2, 10), date(2029, 2, 20)}
LIFE: dict[date, list[Verb]] = {
    # The universal devices' licenses stay in the wallet until they expire.
    BEFORE: [
        _join(ADA, Role.ADMINISTRATOR),
        _join(QUIET, Role.ADMINISTRATOR),
        _join(MAX, Role.MANAGER),
        _join("viewer@example.com", Role.VIEWER),
        _switch_off(QUIET),
        _contact(CONTACT),
        lambda b, on: b.report(on, core=10),
        lambda b, on: b.redeem(on, core=12, universal=5),
    ],
    FIRST: [lambda b, on: b.start(on)],
    date(2027, 3, 28): [lambda b, on: b.allocate(on, {"core": 10})],
    date(2027, 5, 15): [
        lambda b, on: b.report(on, product=AUDIO, system="Audio", audio=4),
        lambda b, on: b.start(on, product=AUDIO),
    ],
    date(2027, 5, 20): [
        lambda b, on: b.redeem(on, product=AUDIO, audio=8),
        lambda b, on: b.allocate(on, {"audio": 4}, product=AUDIO),
    ],
    # 10 allocated, an allowance of 10: 5 of the 25 are beyond it.
    date(2027, 6, 30): [lambda b, on: b.report(on, core=25)],
    date(2027, 10, 12): [lambda b, on: b.redeem(on, core=3), lambda b, on: b.allocate(on, {"core": 5})],
    # Camera Station is renewed in time; Audio Manager's renewal is missed.
    date(2028, 1, 10): [lambda b, on: b.redeem(on, core=25), lambda b, on: b.allocate(on, {}, {"core": 25})],
    date(2028, 5, 5): [lambda b, on: b.allocate(on, {"audio": 4}, product=AUDIO)],
    date(2028, 7, 1): [_switch_off(MAX)],
    date(2029, 1, 15): [lambda b, on: b.remove(on, system="Audio"), _contact("")],
    date(2029, 2, 10): [_join(SECOND, Role.ADMINISTRATOR)],
    date(2029, 2, 20): [_leave(ADA)],
    date(2029, 4, 20): [lambda b, on: b.redeem(on, core=25), lambda b, on: b.allocate(on, {"core": 25})],
    # 25 allocated, an allowance of 25: 10 of the 60 are beyond it, to the end of the year.
    date(2029, 8, 31): [lambda b, on: b.report(on, core=60)],
}

OPENED_C27 = "Camera Station: grace period until March 31, 2027"
ENDS_C27 = "Camera Station: the grace period ends on March 31, 2027"
OPENED_A27 = "Audio Manager: grace period until June 14, 2027"
EXCEEDED = "Camera Station: the growth allowance is exceeded"
RENEWAL_C28 = "Camera Station: the next subscription year begins on March 1, 2028"
RENEWAL_A28 = "Audio Manager: the next subscription year begins on March 1, 2028"
OPENED_A28 = "Audio Manager: grace period until March 31, 2028"
ENDS_A28 = "Audio Manager: the grace period ends on March 31, 2028"
LAST_A28 = "Audio Manager: the grace period is about to end, on March 31, 2028"
LOT = "Camera Station: use 5 licenses in the wallet by Sept. 9, 2028"
RENEWAL_C29 = "Camera Station: the next subscription year begins on March 1, 2029"
RENEWAL_A29 = "Audio Manager: the next subscription year begins on March 1, 2029"
OPENED_C29 = "Camera Station: grace period until March 31, 2029"
ENDS_C29 = "Camera Station: the grace period ends on March 31, 2029"
LAST_C29 = "Camera Station: the grace period is about to end, on March 31, 2029"
RENEWAL_C30 = "Camera Station: the next subscription year begins on March 1, 2030"


def _to(day: date, subject: str, *people: str) -> list[Mail]:
    return [(day, person, subject) for person in people]


ALL = (ADA, MAX, CONTACT)
DAILY: list[Mail] = [
    *_to(date(2027, 3, 1), OPENED_C27, *ALL),
    *_to(date(2027, 3, 24), ENDS_C27, *ALL),
    # Allocated on the 28th: nothing on the 30th.
    *_to(date(2027, 5, 15), OPENED_A27, *ALL),
    # Whoever switched notices off is told of this, a manager is not (R12).
    *_to(date(2027, 6, 30), EXCEEDED, ADA, QUIET, CONTACT),
    *_to(date(2027, 7, 30), EXCEEDED, ADA, QUIET, CONTACT),
    *_to(date(2027, 8, 30), EXCEEDED, ADA, QUIET, CONTACT),
    *_to(date(2027, 9, 30), EXCEEDED, ADA, QUIET, CONTACT),
    *_to(date(2028, 1, 1), RENEWAL_C28, *ALL),
    *_to(date(2028, 1, 1), RENEWAL_A28, *ALL),
    *_to(date(2028, 1, 31), RENEWAL_A28, *ALL),
    *_to(date(2028, 3, 1), OPENED_A28, *ALL),
    *_to(date(2028, 3, 14), LOT, *ALL),
    *_to(date(2028, 3, 24), ENDS_A28, *ALL),
    *_to(date(2028, 3, 30), LAST_A28, *ALL),
    *_to(date(2028, 6, 12), LOT, *ALL),
    *_to(date(2028, 8, 11), LOT, ADA, CONTACT),
    *_to(date(2028, 12, 31), RENEWAL_C29, ADA, CONTACT),
    *_to(date(2028, 12, 31), RENEWAL_A29, ADA, CONTACT),
    # Audio Manager has no devices any more.
    *_to(date(2029, 1, 30), RENEWAL_C29, ADA),
    *_to(date(2029, 3, 1), OPENED_C29, SECOND),
    *_to(date(2029, 3, 24), ENDS_C29, SECOND),
    *_to(date(2029, 3, 30), LAST_C29, SECOND),
    *_to(date(2029, 8, 31), EXCEEDED, QUIET, SECOND),
    *_to(date(2029, 9, 30), EXCEEDED, QUIET, SECOND),
    *_to(date(2029, 10, 31), EXCEEDED, QUIET, SECOND),
    *_to(date(2029, 11, 30), EXCEEDED, QUIET, SECOND),
    *_to(date(2029, 12, 31), RENEWAL_C30, SECOND),
    *_to(date(2029, 12, 31), EXCEEDED, QUIET, SECOND),
    *_to(date(2030, 1, 30), RENEWAL_C30, SECOND),
    *_to(date(2030, 1, 31), EXCEEDED, QUIET, SECOND),
    *_to(date(2030, 2, 28), EXCEEDED, QUIET, SECOND),
]
# Nobody runs the daily job: what became true is written down when somebody changes something, and once on the last day.
ONLY_CHANGES: list[Mail] = [
    *_to(date(2027, 3, 1), OPENED_C27, *ALL),
    # The end of grace was written on 28 March, and solved by that very change.
    *_to(date(2027, 5, 15), OPENED_A27, *ALL),
    *_to(date(2027, 6, 30), EXCEEDED, ADA, QUIET, CONTACT),
    # The three months' reminders were written on 12 October and solved by that change; so was Camera Station's renewal here.
    *_to(date(2028, 1, 10), RENEWAL_A28, *ALL),
    # The renewal and the grace are over; of the lot's notices the first one is of use to 11 June.
    *_to(date(2028, 5, 5), LOT, *ALL),
    # Of use to 29 January; on this day the contact is removed, and Audio Manager has no devices any more.
    *_to(date(2029, 1, 15), RENEWAL_C29, ADA),
    # The notices of March are over, or solved on 20 April.
    *_to(date(2029, 8, 31), EXCEEDED, QUIET, SECOND),
    # On the last day the last notice of the renewal, and the last of the reminders.
    *_to(date(2030, 2, 28), RENEWAL_C30, SECOND),
    *_to(date(2030, 2, 28), EXCEEDED, QUIET, SECOND),
]


def _send(day: date) -> list[Mail]:
    mail.outbox.clear()
    send_outbox()
    return [(day, sent.to[0], sent.subject.removesuffix(" – Harbour Cameras")) for sent in _read(mail.outbox)]


def _read(mails: Iterable[object]) -> Iterable[EmailMultiAlternatives]:
    """The mails, each looked into: it names the organization, and has an HTML part."""
    for sent in mails:
        assert isinstance(sent, EmailMultiAlternatives)
        [(html, kind)] = sent.alternatives
        assert kind == "text/html"
        assert "Harbour Cameras" in str(sent.body) and "Harbour Cameras" in str(html)
        yield sent


def _live(frozen_clock: FrozenClock, runs_on: Callable[[date], bool]) -> tuple[Organization, list[Mail]]:
    """Live through the three years; returns what was sent."""
    organization = create_organization(name="Harbour Cameras", actor=None, on=BEFORE)
    books = Books(organization)
    frozen_clock.move_to(BEFORE)
    for verb in LIFE[BEFORE]:
        verb(books, BEFORE)
    told: list[Mail] = []
    day = FIRST
    while day <= LAST:
        frozen_clock.move_to(day)
        if (runs_on(day) or day == LAST) and run_daily().written:
            told += _send(day)
        for verb in LIFE.get(day, ()):
            verb(books, day)
        if day in LIFE:
            told += _send(day)
        day += timedelta(days=1)
    return organization, told


def _by_day(told: Iterable[Mail]) -> list[Mail]:
    """In the order of days; within a day the order does not matter."""
    return sorted(told)


def _written(organization: Organization) -> list[tuple[date, date | None, str, str, str]]:
    """Everything that was written, sent or not, in its order; only the links differ from one organization to another."""
    return [
        (row.business_date, row.useful_until, row.recipient, row.subject, row.body_text.replace(organization.slug, "o"))
        for row in OutboxMessage.objects.filter(organization=organization).order_by("pk")
    ]


@pytest.mark.slow
def test_each_is_sent_once_on_its_day_and_gaps_write_the_same(frozen_clock: FrozenClock) -> None:
    """With the daily job exactly these; with runs on random days the same is written, and sent only while it is of use."""
    daily, told = _live(frozen_clock, lambda day: True)
    assert _by_day(told) == _by_day(DAILY)
    expected = _written(daily)
    # Each was written on the day on which it was sent.
    sent = OutboxMessage.objects.filter(organization=daily).exclude(sent_at=None)
    assert sorted(sent.values_list("business_date", "recipient")) == sorted((day, to) for day, to, _subject in DAILY)
    until = {(to, subject): last for _on, last, to, subject, _text in expected if last is not None}
    chance = random.Random(20270301)
    for likelihood in (0.3, 0.03):
        # Before people change, so that each notice finds those who were there on its day.
        runs = {FIRST + timedelta(days=number) for number in range(1100) if chance.random() < likelihood} | PEOPLE
        organization, told = _live(frozen_clock, runs.__contains__)
        assert _written(organization) == expected
        assert 0 < len(told) <= len(DAILY)
        for day, to, subject in told:
            assert subject == EXCEEDED or day <= until[to, f"{subject} – Harbour Cameras"]


def test_without_the_daily_job_what_is_still_of_use_is_sent_late_and_nothing_else(frozen_clock: FrozenClock) -> None:
    _organization, told = _live(frozen_clock, lambda day: False)
    assert _by_day(told) == _by_day(ONLY_CHANGES)
