"""Registration codes: made by an administrator or manager, shown once, used by systems that join by a call."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, TextChoices
from django.utils.translation import gettext_lazy

from hardware.errors import CodeGivenBefore, CodeNotMade
from hardware.models import RegistrationCode
from history.models import Action
from history.record import record
from licensemgr.core import clock
from licensemgr.core.numbers import grouped
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _
from organizations.books import changing
from organizations.models import Organization, User

# Without 0, 1, I and O, which people take for one another.
_SYMBOLS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_GROUPS, _GROUP = 5, 5
MAXIMUM_USES = 10_000
MAXIMUM_DAYS = 366
_NEWEST = 50


class CodeState(TextChoices):
    """What became of a registration code: only by an open one can a system join."""

    OPEN = "open", gettext_lazy("Open")
    USED_UP = "used_up", gettext_lazy("Used up")
    EXPIRED = "expired", gettext_lazy("Expired")
    REVOKED = "revoked", gettext_lazy("Revoked")


@dataclass(frozen=True)
class MadeCode:
    """A code in clear, once, and its row."""

    code: str
    row: RegistrationCode


def normalize_code(text: str) -> str:
    """The code's symbols: capitals, no blanks, no hyphens."""
    return "".join(text.split()).replace("-", "").upper()


def _digest(code: str) -> str:
    # The code has 125 random bits: nobody finds it by trying, so its hash needs no secret.
    return hashlib.sha256(normalize_code(code).encode()).hexdigest()


def make_code(
    *, organization: Organization, label: str, uses: int, days: int, actor: User, on: date, form_token: UUID
) -> MadeCode:
    """Make a code by which ``uses`` systems may join within ``days`` days from now. On History, without the code.

    Raises CodeNotMade for a label that is empty or too long and numbers out of range; CodeGivenBefore when the same form
    (``form_token``) made its code already, which can't be shown again.
    """
    label = " ".join(label.split())
    if not label or len(label) > 120:
        raise CodeNotMade(_("A registration code needs a name of up to 120 characters. No code was made."))
    if not 1 <= uses <= MAXIMUM_USES:
        raise CodeNotMade(
            _("From 1 to %(maximum)s systems can join by one code. No code was made.")
            % {"maximum": grouped(MAXIMUM_USES)}
        )
    if not 1 <= days <= MAXIMUM_DAYS:
        raise CodeNotMade(
            _("A code can be used for 1 to %(maximum)s days. No code was made.") % {"maximum": grouped(MAXIMUM_DAYS)}
        )
    symbols = "".join(secrets.choice(_SYMBOLS) for _number in range(_GROUPS * _GROUP))
    code = "-".join(symbols[start : start + _GROUP] for start in range(0, len(symbols), _GROUP))
    with changing(organization, on) as locked:
        if RegistrationCode.objects.filter(form_token=form_token).exists():
            raise CodeGivenBefore
        now = clock.real_now()
        row = RegistrationCode.objects.create(
            organization=locked,
            label=label,
            digest=_digest(code),
            tail=symbols[-5:],
            uses=uses,
            made_by=actor,
            made_at=now,
            expires_at=now + timedelta(days=days),
            form_token=form_token,
        )
        record(
            organization=locked,
            action=Action.CODE_MADE,
            actor=actor,
            on=on,
            label=label,
            code_tail=row.tail,
            uses=uses,
            days=days,
        )
    return MadeCode(code, row)


def state_of_code(code: RegistrationCode) -> CodeState:
    """Whether a system can join by the code now, and if not, why."""
    if code.revoked_at is not None:
        return CodeState.REVOKED
    if code.used >= code.uses:
        return CodeState.USED_UP
    if code.expires_at <= clock.real_now():
        return CodeState.EXPIRED
    return CodeState.OPEN


def in_state(state: CodeState, now: datetime) -> Q:
    """Which codes are in that state at an instant, as `state_of_code` says of one."""
    if state == CodeState.REVOKED:
        return Q(revoked_at__isnull=False)
    if state == CodeState.USED_UP:
        return Q(revoked_at=None, used__gte=F("uses"))
    has_uses = Q(revoked_at=None, used__lt=F("uses"))
    return has_uses & (Q(expires_at__lte=now) if state == CodeState.EXPIRED else Q(expires_at__gt=now))


def newest_codes(organization: Organization) -> list[RegistrationCode]:
    """The codes that were made last."""
    return list(RegistrationCode.objects.filter(organization=organization).order_by("-pk")[:_NEWEST])


def revoke_code(*, code: RegistrationCode, actor: User, on: date) -> RegistrationCode:
    """Let no more systems join by the code; those that did stay. Revoking twice counts once."""
    with changing(code.organization, on) as organization:
        row = RegistrationCode.objects.get(pk=code.pk, organization=organization)
        if row.revoked_at is None:
            _revoke(organization, row, actor, on)
    return row


def revoke_open_codes(*, locked: Organization, actor: User | None, on: date) -> None:
    """Revoke every code by which a system could still join, in the caller's change of the books."""
    for code in RegistrationCode.objects.filter(organization=locked, revoked_at=None).order_by("pk"):
        if state_of_code(code) == CodeState.OPEN:
            _revoke(locked, code, actor, on)


def _revoke(locked: Organization, code: RegistrationCode, actor: User | None, on: date) -> None:
    code.revoked_at, code.revoked_by = clock.real_now(), actor
    code.save(update_fields=["revoked_at", "revoked_by"])
    record(
        organization=locked,
        action=Action.CODE_REVOKED,
        actor=actor,
        on=on,
        label=code.label,
        code_tail=code.tail,
        used=code.used,
    )


def usable_code(text: str) -> RegistrationCode | None:
    """The code that was sent, if a system can join by it now. Whether a code is wrong, used, over or revoked is not told."""
    with acting(Part.REGISTRY):
        code = RegistrationCode.objects.select_related("organization").filter(digest=_digest(text)).first()
    if code is None or state_of_code(code) != CodeState.OPEN or code.organization.closed_on is not None:
        return None
    return code


def use_code(code: RegistrationCode) -> bool:
    """Take one use of the code; False when it has none left, in the transaction of whoever joins by it."""
    return bool(
        RegistrationCode.objects.filter(
            pk=code.pk, used__lt=F("uses"), revoked_at=None, expires_at__gt=clock.real_now()
        ).update(used=F("used") + 1)
    )
