"""Invitations: an address is asked to become a member, by a link that works once (R31, R32).

The answer never says whether an address has an account. The mail, which nobody but its reader sees, is written in the language
of that account, or else of whoever invites. Links live by the machine's clock, like everything that lets somebody in.
"""

import hashlib
import secrets
from datetime import date, timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import formats, translation

from history.models import Action
from history.record import record
from licensemgr.core import clock
from licensemgr.core.mail import write_message
from licensemgr.core.models import OutboxMessage
from licensemgr.core.tenancy import Part, acting, acting_for
from licensemgr.core.worded import gettext as _
from organizations.books import lock_organization
from organizations.errors import (
    AddressNotConfirmed,
    AlreadyMember,
    InvitationGone,
    InvitationOfAnother,
    MembershipThere,
    OrganizationClosed,
    TooManyInvitations,
)
from organizations.models import Invitation, Membership, Organization, Role, User
from organizations.notices import render
from organizations.services import add_member, require_administrator

# What an organization can send within 24 hours, so that nobody mails the world from here.
INVITATIONS_PER_DAY = 100
_TOKEN_BYTES = 32  # 256 bits
_SESSION_KEY = "invitation"


def invite_member(
    *,
    organization: Organization,
    email: str,
    role: Role,
    actor: User | None,
    on: date,
    form_token: UUID | None = None,
) -> Invitation:
    """Invite an address to become a member; an open invitation of it is replaced, and its link works no more.

    The same ``form_token`` counts once. Raises AlreadyMember, TooManyInvitations, NotAdministrator, OrganizationClosed.
    """
    email = email.strip().lower()
    now = clock.real_now()
    with transaction.atomic():
        locked = lock_organization(organization)
        if locked.closed_on is not None:
            raise OrganizationClosed
        require_administrator(locked, actor)
        reason = f"invitation:{_digest(f'{locked.pk} {form_token or secrets.token_hex(16)} {email} {role}')}"
        if OutboxMessage.objects.filter(reason=reason).exists():
            return locked.invitations.filter(email=email).latest("invited_at", "pk")
        if locked.memberships.filter(user__email=email).exists():
            raise AlreadyMember(email=email)
        if locked.invitations.filter(invited_at__gt=now - timedelta(days=1)).count() >= INVITATIONS_PER_DAY:
            raise TooManyInvitations(maximum=INVITATIONS_PER_DAY)
        _unanswered(locked).filter(email=email).update(revoked_at=now)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        invitation = Invitation.objects.create(
            organization=locked,
            email=email,
            role=role,
            digest=_digest(token),
            invited_by=actor,
            invited_at=now,
            expires_at=now + timedelta(days=settings.INVITATION_DAYS),
        )
        _send(invitation, token, reason, on)
        record(
            organization=locked,
            action=Action.MEMBER_INVITED,
            actor=actor,
            on=on,
            invitation=invitation.pk,
            role=str(role),
        )
    return invitation


def invite_again(*, invitation: Invitation, actor: User | None, on: date, form_token: UUID | None = None) -> Invitation:
    """Send a new link to the same address, for the same role; the one before works no more.

    Raises InvitationGone where it was accepted or revoked, and what `invite_member` raises.
    """
    with transaction.atomic():
        locked = lock_organization(invitation.organization)
        if not _unanswered(locked).filter(email=invitation.email).exists():
            raise InvitationGone
        return invite_member(
            organization=locked,
            email=invitation.email,
            role=Role(invitation.role),
            actor=actor,
            on=on,
            form_token=form_token,
        )


def revoke_invitation(*, invitation: Invitation, actor: User | None, on: date) -> None:
    """End an invitation: its link works no more. Raises InvitationGone, NotAdministrator."""
    with transaction.atomic():
        locked = lock_organization(invitation.organization)
        require_administrator(locked, actor)
        if not _unanswered(locked).filter(pk=invitation.pk).update(revoked_at=clock.real_now()):
            raise InvitationGone
        record(organization=locked, action=Action.INVITATION_REVOKED, actor=actor, on=on, invitation=invitation.pk)


def revoke_invitations(*, locked: Organization, actor: User | None, on: date) -> None:
    """End all invitations of an organization that is about to be closed, under its lock (R35)."""
    for invitation in _unanswered(locked).order_by("pk"):
        revoke_invitation(invitation=invitation, actor=actor, on=on)


def find_open(token: str) -> Invitation | None:
    """The invitation of a link, if it can be accepted; None for unknown, accepted, revoked, expired and closed alike."""
    with acting(Part.REGISTRY):
        invitation = Invitation.objects.select_related("organization").filter(digest=_digest(token)).first()
    if invitation is None or invitation.organization.closed_on is not None:
        return None
    return invitation if invitation.is_open(clock.real_now()) else None


def find_joined(token: str, user: User) -> Organization | None:
    """Where this person became a member by this link, and still is one: the link leads there for nobody else."""
    with acting(Part.REGISTRY):
        return Organization.objects.filter(
            invitations__digest=_digest(token), invitations__accepted_by=user, memberships__user=user, closed_on=None
        ).first()


def check_addressee(invitation: Invitation, user: User) -> None:
    """Raises InvitationOfAnother, or AddressNotConfirmed, unless the invitation is for this person's confirmed address."""
    if EmailAddress.objects.filter(user=user, email=invitation.email, verified=True).exists():
        return
    if user.email.lower() == invitation.email:
        raise AddressNotConfirmed(email=user.email)
    raise InvitationOfAnother(email=user.email)


def accept_invitation(*, invitation: Invitation, user: User, on: date) -> Membership:
    """Become a member by an invitation, once (R31).

    Raises InvitationGone, InvitationOfAnother, AddressNotConfirmed, MembershipThere.
    """
    with transaction.atomic(), acting_for(invitation.organization_id):
        locked = lock_organization(invitation.organization)
        current = Invitation.objects.select_for_update().get(pk=invitation.pk)
        now = clock.real_now()
        if locked.closed_on is not None or not current.is_open(now):
            raise InvitationGone
        check_addressee(current, user)
        if locked.memberships.filter(user=user).exists():
            raise MembershipThere
        current.accepted_at, current.accepted_by = now, user
        current.save(update_fields=["accepted_at", "accepted_by"])
        return add_member(organization=locked, user=user, role=Role(current.role), actor=user, on=on)


def remember_invitation(session: SessionBase, token: str) -> None:
    """Keep a link that was opened until its reader has signed in or made an account."""
    session[_SESSION_KEY] = token


def forget_invitation(session: SessionBase) -> None:
    """The link that was opened has led somewhere."""
    session.pop(_SESSION_KEY, None)


def remembered_invitation(session: SessionBase) -> tuple[str, Invitation] | None:
    """The link opened before and its invitation, if it can still be accepted: whoever has one may make an account."""
    token = session.get(_SESSION_KEY)
    invitation = find_open(token) if isinstance(token, str) else None
    return (str(token), invitation) if invitation is not None else None


def _send(invitation: Invitation, token: str, reason: str, on: date) -> None:
    """Write the mail with the link: the only place in which the token stands in clear."""
    reader = User.objects.filter(email=invitation.email).first() or invitation.invited_by
    with translation.override(reader.reads if reader is not None else settings.LANGUAGE_CODE):
        _write(invitation, token, reason, on)


def _write(invitation: Invitation, token: str, reason: str, on: date) -> None:
    organization = invitation.organization
    last_on = clock.local_date(invitation.expires_at, organization.time_zone_at(invitation.expires_at))
    names = {
        "organization": organization.name,
        "person": str(invitation.invited_by) if invitation.invited_by else _("An administrator"),
        "role": invitation.get_role_display(),
        "email": invitation.email,
        "date": formats.date_format(last_on, "DATE_FORMAT"),
    }
    title = _("Invitation to %(organization)s") % names
    text, html = render(
        "invitation",
        {
            "title": title,
            "asked": _("%(person)s invites you to become a member of %(organization)s, with the role %(role)s.")
            % names,
            "how": _("To join, open this page, and sign in or make an account with the address %(email)s.") % names,
            "until": _("The link works once, for this address only, until %(date)s.") % names,
            "url": settings.PORTAL_URL + reverse("accept_invitation", args=[token]),
        },
    )
    write_message(
        organization=organization,
        recipient=invitation.email,
        subject=title,
        body_text=text,
        body_html=html,
        reason=reason,
        on=on,
        is_confidential=True,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _unanswered(organization: Organization) -> QuerySet[Invitation]:
    return organization.invitations.filter(revoked_at=None, accepted_at=None)
