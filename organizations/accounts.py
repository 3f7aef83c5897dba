"""What a person does with the own account: making it, naming it, closing it (R35)."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import Q

from licensemgr.core import clock, mail
from licensemgr.core.integrity import is_taken
from licensemgr.core.tenancy import Part, acting, acting_for
from organizations.books import lock_organization
from organizations.errors import AddressTaken, LastAdministratorOf, MembershipsChanged
from organizations.invitations import accept_invitation
from organizations.lists import forget_person
from organizations.models import AccessGrant, Invitation, Membership, Organization, Role, User
from organizations.services import create_organization, leave_organization
from organizations.support import end_support_view


def is_known(email: str) -> bool:
    """Whether somebody has an account with the address; one query either way."""
    return User.objects.filter(Q(email=email) | Q(emailaddress__email=email)).exists()


def create_account(
    *, email: str, password_hash: str, name: str, country: str, time_zone: str, on: date
) -> tuple[User, Organization]:
    """An account for a proved address and its first organization, which it administers: both or neither.

    Raises AddressTaken when somebody has an account with the address by now.
    """
    with transaction.atomic():
        user = _new_person(email, password_hash)
        organization = create_organization(name=name, country=country, time_zone=time_zone, actor=user, on=on)
    return user, organization


def create_invited_account(*, invitation: Invitation, password_hash: str, on: date) -> Membership:
    """An account for the address that an invitation's link proves, a member of the organization that invited it.

    Raises AddressTaken, InvitationGone.
    """
    with transaction.atomic():
        user = _new_person(invitation.email, password_hash)
        return accept_invitation(invitation=invitation, user=user, on=on)


def _new_person(email: str, password_hash: str) -> User:
    if is_known(email):
        raise AddressTaken
    user = User(email=email, password=password_hash)
    try:
        with transaction.atomic():
            user.save()
            User.objects.vouch_for(user)
    except IntegrityError as error:
        if not is_address_taken(error):
            raise
        # The same sign-up was sent twice, and the other one was quicker.
        raise AddressTaken from error
    return user


def is_address_taken(error: IntegrityError) -> bool:
    """Whether the error says that somebody has an account with the address, or proved it."""
    return is_taken(error, User, "email") or is_taken(error, EmailAddress, "email")


def change_name(*, user: User, first_name: str, last_name: str) -> None:
    """How History and the other members call the person; without a name it is the address."""
    user.first_name, user.last_name = first_name, last_name
    user.save(update_fields=["first_name", "last_name"])


def choose_language(*, user: User, language: str) -> None:
    """The language of all pages and mails for the person; "" leaves it to the browser."""
    user.language = language
    user.save(update_fields=["language"])


def note_browser_language(*, user: User, language: str) -> None:
    """In which language the person signed in: mail is written in it as long as none was chosen."""
    if user.browser_language != language:
        user.browser_language = language
        user.save(update_fields=["browser_language"])


@dataclass(frozen=True)
class Closing:
    """What closing an account means: the memberships that end, and the organizations that still need the person."""

    memberships: tuple[Membership, ...]
    needed_in: tuple[Organization, ...]

    @property
    def organizations(self) -> tuple[Organization, ...]:
        """The organizations that are left, by name."""
        return tuple(sorted((each.organization for each in self.memberships), key=lambda each: each.name.lower()))

    @property
    def ids(self) -> frozenset[int]:
        """Which organizations are left, for comparing with what was shown."""
        return frozenset(each.organization_id for each in self.memberships)


def preview_closing(user: User) -> Closing:
    """What `close_account` would do now."""
    with acting(Part.REGISTRY):
        return _closing(user)


def _closing(user: User) -> Closing:
    memberships = tuple(user.memberships.select_related("organization").order_by("organization_id"))
    administered = {
        each.organization_id: each.organization
        for each in memberships
        if each.role == Role.ADMINISTRATOR and each.organization.closed_on is None
    }
    others = Membership.objects.filter(
        organization__in=administered, role=Role.ADMINISTRATOR, user__is_active=True
    ).exclude(user=user)
    by_others = set(others.values_list("organization_id", flat=True))
    return Closing(memberships, tuple(each for pk, each in administered.items() if pk not in by_others))


def close_account(*, user: User, leaving: Collection[int]) -> None:
    """End all memberships, each on its History, and erase what is personal: it can't be undone (R35).

    ``leaving`` are the ids of the organizations that were named to the person before. An account that is closed already
    stays so. Raises MembershipsChanged when they are others by now, LastAdministratorOf while an open organization
    would be left without an administrator.
    """
    with transaction.atomic():
        # The organizations first, in the one order, and then the person: as whoever becomes or ceases to be an
        # administrator does. While the person's row is locked nobody can make new memberships of it.
        for membership in preview_closing(user).memberships:
            with acting_for(membership.organization_id):
                lock_organization(membership.organization)
        person = User.objects.select_for_update().get(pk=user.pk)
        if person.closed_at is not None:
            return
        closing = preview_closing(person)
        if closing.ids != frozenset(leaving):
            raise MembershipsChanged
        if closing.needed_in:
            raise LastAdministratorOf(names=[each.name for each in closing.needed_in])
        for membership in closing.memberships:
            # Each on the organization's own today (R1).
            with acting_for(membership.organization_id):
                leave_organization(membership=membership, on=clock.today(membership.organization))
        for grant in _open_grants(person):
            with acting_for(grant.organization_id):
                end_support_view(grant=grant, on=clock.today(grant.organization))
        with acting(Part.UPKEEP):
            _erase(person)


def _open_grants(person: User) -> list[AccessGrant]:
    with acting(Part.REGISTRY):
        grants = AccessGrant.objects.filter(user=person, ended_at=None)
        return list(grants.select_related("organization", "user"))


def _erase(person: User) -> None:
    """Let nothing personal stay behind; the last mail says that it is done."""
    # Nobody can have an address below .invalid (RFC 2606).
    nobody = f"closed-{uuid.uuid4().hex}@account.invalid"
    address = person.email
    mail.forget_recipient(address, nobody)
    _forget_in_admin_log(person, address)
    forget_person(person)
    EmailAddress.objects.filter(user=person).delete()
    Authenticator.objects.filter(user=person).delete()
    Invitation.objects.filter(accepted_by=person).update(email=nobody)
    person.user_permissions.clear()
    person.email, person.first_name, person.last_name = nobody, "", ""
    person.language = person.browser_language = ""
    person.is_active = person.is_staff = person.is_superuser = False
    person.last_login = None
    person.closed_at = clock.real_now()
    # Ends all sessions, too: each holds a digest of the password.
    person.set_unusable_password()
    person.save()
    get_adapter().send_mail("account/email/account_closed", address, {})
    transaction.on_commit(lambda: _delete_sessions(person))


def _forget_in_admin_log(person: User, address: str) -> None:
    """The admin site's log keeps who was changed as text."""
    about = Q(content_type=ContentType.objects.get_for_model(User), object_id=str(person.pk))
    LogEntry.objects.filter(about | Q(object_repr__icontains=address)).update(object_repr=str(person.pk))


def _delete_sessions(person: User) -> None:
    """They are of no use any more, but name the address. All are read, since nothing else says whose they are."""
    for session in Session.objects.iterator():
        if session.get_decoded().get(SESSION_KEY) == str(person.pk):
            session.delete()
