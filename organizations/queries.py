"""Reads about an organization's people: what the members page shows."""

from dataclasses import dataclass
from datetime import date, datetime

from allauth.account.models import EmailAddress
from django.db.models import QuerySet

from history.models import Action, Record
from licensemgr.core import clock
from organizations.access import PERMISSIONS, Permission
from organizations.models import Invitation, Membership, Organization, Role, User


def members_of(organization: Organization) -> QuerySet[Membership]:
    """The members by name, then by address."""
    return (
        Membership.objects.filter(organization=organization)
        .select_related("user")
        .order_by("user__first_name", "user__last_name", "user__email", "pk")
    )


def was_member(organization: Organization, user: User) -> bool:
    """Whether the person was a member once, by the organization's History."""
    ended = (Action.MEMBER_REMOVED, Action.MEMBER_LEFT)
    return Record.objects.filter(organization=organization, action__in=ended, payload__member=user.pk).exists()


def has_confirmed_address(user: User) -> bool:
    """Whether the person has shown that an e-mail address is his or hers."""
    return bool(EmailAddress.objects.filter(user=user, verified=True).exists())


@dataclass(frozen=True)
class InvitationRow:
    """An invitation that nobody has accepted or revoked."""

    invitation: Invitation
    invited_by: str
    # The date in the organization's time zone from which on its link works no more.
    expires_on: date
    is_expired: bool


def unanswered_invitations(organization: Organization, at: datetime) -> list[InvitationRow]:
    """The invitations that are neither accepted nor revoked; those whose time is over can be sent again."""
    zone = organization.time_zone_at(at)
    found = organization.invitations.filter(revoked_at=None, accepted_at=None).select_related("invited_by")
    return [
        InvitationRow(
            invitation,
            str(invitation.invited_by) if invitation.invited_by else "",
            clock.local_date(invitation.expires_at, zone),
            not invitation.is_open(at),
        )
        for invitation in found.order_by("email", "pk")
    ]


@dataclass(frozen=True)
class PermissionRow:
    """What can be done, and for each role whether it may."""

    label: str
    allowed: tuple[tuple[str, bool], ...]


def permission_rows() -> list[PermissionRow]:
    """The one table of who may do what, as a page shows it (R31)."""
    return [
        PermissionRow(str(permission.label), tuple((str(role.label), permission in PERMISSIONS[role]) for role in Role))
        for permission in Permission
    ]
