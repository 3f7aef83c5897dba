"""The support view: staff look at one organization, read-only, with a reason, for a while, on its History (R30)."""

from datetime import date, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from history.models import Action
from history.record import record
from licensemgr.core import clock
from organizations.errors import SupportViewRefused
from organizations.models import AccessGrant, Organization, User


def open_support_view(*, organization: Organization, user: User, reason: str, on: date) -> AccessGrant:
    """Let ``user``, a person of the vendor, look at the organization for SUPPORT_VIEW_MINUTES from now.

    One that is open already is ended first. Raises SupportViewRefused without a reason, or for a person who is not staff.
    """
    reason = " ".join(reason.split())[:300]
    if not reason:
        raise SupportViewRefused(_("A support view needs a reason. It was not opened; say why you need to look."))
    if not user.is_staff or not user.is_active:
        raise SupportViewRefused(_("Only the vendor's staff can open a support view. It was not opened."))
    now = clock.real_now()
    with transaction.atomic():
        AccessGrant.objects.filter(organization=organization, user=user, ended_at=None).update(ended_at=now)
        grant = AccessGrant.objects.create(
            organization=organization,
            user=user,
            reason=reason,
            granted_at=now,
            expires_at=now + timedelta(minutes=settings.SUPPORT_VIEW_MINUTES),
        )
        record(organization=organization, action=Action.SUPPORT_VIEW_OPENED, actor=user, on=on, reason=reason)
    return grant


def end_support_view(*, grant: AccessGrant, on: date) -> None:
    """End a support view before its time; ending it twice changes nothing."""
    with transaction.atomic():
        ended = AccessGrant.objects.filter(pk=grant.pk, ended_at=None, expires_at__gt=clock.real_now())
        if ended.update(ended_at=clock.real_now()):
            record(organization=grant.organization, action=Action.SUPPORT_VIEW_ENDED, actor=grant.user, on=on)
