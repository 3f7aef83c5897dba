"""Tokens of the vendor's shop: made by staff, shown once, scoped, expiring, revocable."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from licensemgr.core import clock
from licensemgr.core.calls import count_call
from licensemgr.core.integrity import is_taken
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.shop.errors import TokenGivenBefore, TokenNotMade
from licensemgr.shop.models import Scope, ShopToken
from organizations.models import User

# What a token begins with, so that whoever finds one, people and scanners of secrets alike, knows what it is.
PREFIX = "lms_"
_RANDOM_BYTES = 32
MAXIMUM_DAYS = 732


@dataclass(frozen=True)
class MadeToken:
    """A token in clear, once, and its row."""

    token: str
    row: ShopToken


def make_token(*, name: str, scopes: Sequence[str], days: int, actor: User, form_token: UUID) -> MadeToken:
    """Make a token that lets its bearer do what ``scopes`` say for ``days`` days from now.

    Raises TokenNotMade for a name that is empty or too long, no or unknown scopes, and days out of range; TokenGivenBefore
    when the same form (``form_token``) made its token already, which can't be shown again.
    """
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise TokenNotMade(_("A token needs a name of up to 120 characters. No token was made."))
    if not scopes or not set(scopes) <= set(Scope.values):
        raise TokenNotMade(_("Choose at least one thing that the token may do. No token was made."))
    if not 1 <= days <= MAXIMUM_DAYS:
        raise TokenNotMade(
            _("A token can be used for 1 to %(maximum)s days. No token was made.") % {"maximum": grouped(MAXIMUM_DAYS)}
        )
    token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    now = clock.real_now()
    try:
        with transaction.atomic():
            row = ShopToken.objects.create(
                name=name,
                digest=_digest(token),
                tail=token[-5:],
                scopes=[scope for scope in Scope.values if scope in scopes],
                made_by=actor,
                made_at=now,
                expires_at=now + timedelta(days=days),
                form_token=form_token,
            )
    except IntegrityError as error:
        if not is_taken(error, ShopToken, "form_token"):
            raise
        # The constraint on the form's token let only one through, whoever sent it twice.
        raise TokenGivenBefore from error
    return MadeToken(token, row)


def revoke_token(*, token: ShopToken, actor: User) -> ShopToken:
    """Let nothing more be done by the token. Revoking twice counts once."""
    ShopToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.real_now(), revoked_by=actor)
    token.refresh_from_db()
    return token


def token_in_force(text: str) -> ShopToken | None:
    """The token that was sent, if it can be used now. Whether one is unknown, over or revoked is not told."""
    row = ShopToken.objects.filter(digest=_digest(text)).first()
    return row if row is not None and row.is_in_force(clock.real_now()) else None


def use_token(token: ShopToken) -> None:
    """Count a call by the token, and note that it was used, in one statement. Raises TooManyCalls."""
    count_call(token, settings.SHOP_CALLS_PER_HOUR, last_used_at=clock.real_now())


def _digest(token: str) -> str:
    # The token has 256 random bits: nobody finds it by trying, so its hash needs no secret.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
