"""What the vendor's staff do with people, each with the name of who did it (R32)."""

from django.db import transaction
from django.http import HttpRequest

from licensemgr.core import clock
from organizations.accounts import close_account, preview_closing
from organizations.models import User
from organizations.services import remove_member


def staff_of(request: HttpRequest) -> User:
    """The person of the vendor who asks a page of the admin site, which lets nobody else in."""
    assert isinstance(request.user, User)  # noqa: S101 - see above
    return request.user


def close_account_of(*, user: User, actor: User) -> None:
    """Close somebody's account for good (R35): every membership ends, on each History with who ended it.

    Raises LastAdministrator while an open organization would be left without an administrator; then nothing has changed.
    """
    with transaction.atomic():
        for membership in preview_closing(user).memberships:
            remove_member(membership=membership, actor=actor, on=clock.today(membership.organization))
        close_account(user=user, leaving=())
