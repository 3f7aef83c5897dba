"""What organizations refuse."""

from collections.abc import Sequence
from datetime import date

from licensemgr.core.enumerations import all_of
from licensemgr.core.errors import Refused
from licensemgr.core.moments import say_day
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _


class DateGoesBack(Refused):
    """A change dated before the last day settled (R1)."""

    code = "date"

    def __init__(self, settled_through: date) -> None:
        super().__init__(
            _("The books are settled up to %(date)s, and nothing can be dated before. Nothing was changed.")
            % {"date": say_day(settled_through)}
        )


class OrganizationClosed(Refused):
    """Nothing changes in an organization that was closed (R35)."""

    code = "closed"

    def __init__(self) -> None:
        super().__init__(_("This organization was closed, and its books stay as they are. Nothing was changed."))


class SupportViewRefused(Refused):
    """A support view that can't be opened (R30)."""

    code = "support view"
    field = "reason"


class NotAdministrator(Refused):
    """Whoever asked is no administrator (any more): somebody else was quicker (R31)."""

    code = "not administrator"
    status = 403

    def __init__(self) -> None:
        super().__init__(_("You are no longer an administrator of this organization. Nothing was changed."))


class LastAdministrator(Refused):
    """An organization always has an administrator who can sign in (R31)."""

    code = "last administrator"

    def __init__(self) -> None:
        super().__init__(
            _(
                "An organization needs an administrator, and this is the last one. Nothing was changed. Make another "
                "member an administrator first."
            )
        )


class MemberGone(Refused):
    """The person is not a member any more."""

    code = "member gone"

    def __init__(self) -> None:
        super().__init__(_("This person is no longer a member. Nothing was changed."))


class AlreadyMember(Refused):
    """The person is a member already."""

    code = "already member"
    field = "email"

    def __init__(self, *, email: str) -> None:
        super().__init__(
            _("%(email)s is a member of this organization already. No invitation was sent; change the role instead.")
            % {"email": email}
        )


class TooManyInvitations(Refused):
    """More invitations within a day than an organization of people sends."""

    code = "too many invitations"
    status = 429

    def __init__(self, *, maximum: int) -> None:
        super().__init__(
            _("An organization can send %(maximum)s invitations within a day. No invitation was sent; try tomorrow.")
            % {"maximum": grouped(maximum)}
        )


class InvitationGone(Refused):
    """The invitation was accepted, revoked or replaced, or its time is over."""

    code = "invitation gone"

    def __init__(self) -> None:
        super().__init__(_("This invitation is not open any more. Nothing was changed."))


class InvitationOfAnother(Refused):
    """An invitation works for the address to which it was sent, and for no other."""

    code = "invitation of another"
    status = 403

    def __init__(self, *, email: str) -> None:
        super().__init__(
            _(
                "This invitation was sent to another address than %(email)s, with which you are signed in. Nothing was "
                "changed. Sign out, and sign in with the address to which the invitation was sent."
            )
            % {"email": email}
        )


class AddressNotConfirmed(Refused):
    """The address is the right one, and nobody has shown yet that it is this person's."""

    code = "address not confirmed"
    status = 403

    def __init__(self, *, email: str) -> None:
        super().__init__(
            _("You have not confirmed yet that %(email)s is your address. Nothing was changed. Confirm it first.")
            % {"email": email}
        )


class MembershipThere(Refused):
    """An invitation to an organization of which the person is a member already, by another address."""

    code = "membership there"

    def __init__(self) -> None:
        super().__init__(_("You are a member of this organization already. Nothing was changed."))


class AccountClosed(Refused):
    """The person has closed the account and is nobody's member any more (R35)."""

    code = "account closed"

    def __init__(self) -> None:
        super().__init__(_("This account is closed. Nothing was changed."))


class AddressTaken(Refused):
    """Somebody has an account with the address already; told only to who has proved that it is his or hers."""

    code = "address taken"

    def __init__(self) -> None:
        super().__init__(_("You have an account with this address already. Nothing was changed; sign in with it."))


class LastAdministratorOf(Refused):
    """An account can't be closed while an organization has no other administrator (R31, R35)."""

    code = "last administrator of"

    def __init__(self, *, names: Sequence[str]) -> None:
        super().__init__(
            _(
                "You are the last administrator of %(organizations)s. Your account was not closed. Make another member "
                "an administrator first, or close the organization."
            )
            % {"organizations": all_of(names)}
        )


class MembershipsChanged(Refused):
    """The organizations that a person would leave are others than those that the page named (R35)."""

    code = "memberships changed"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _(
                "The organizations to which you belong have changed meanwhile. Your account was not closed. Please read "
                "again what happens when it is closed, and confirm it then."
            )
        )


class TooManyViews(Refused):
    """As many views of one list are saved as a person can find one in."""

    code = "too many views"
    field = "name"

    def __init__(self, *, most: int) -> None:
        super().__init__(
            _(
                "You have %(most)s saved views of this list already, and more can't be saved. Nothing was changed. Delete one "
                "first, or save under the name of one to replace it."
            )
            % {"most": grouped(most)}
        )


class TooMuchWork(Refused):
    """A person has as much work under way in an organization as one may have."""

    code = "too much work"
    status = 429

    def __init__(self, *, maximum: int) -> None:
        super().__init__(
            _(
                "%(maximum)s files are being made for you already. Nothing was begun. Wait until one of them is ready, or "
                "remove one under Downloads."
            )
            % {"maximum": grouped(maximum)}
        )


class WorkNotReady(Refused):
    """The result is not there: still being made, or it failed."""

    code = "work not ready"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("This file is not ready. Nothing was downloaded. Downloads says how far it is."))


class WorkGone(Refused):
    """The result was kept for a day, which is over."""

    code = "work gone"
    status = 410

    def __init__(self) -> None:
        super().__init__(
            _("This file was kept for a day and is gone. Nothing was downloaded. Have it made again under Downloads.")
        )
