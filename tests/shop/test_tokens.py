"""Tokens of the vendor's shop: made once, kept as a hash, over or revoked at once, limited."""

import hashlib
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError

from licensemgr.core import clock
from licensemgr.core.errors import TooManyCalls
from licensemgr.shop.errors import TokenGivenBefore, TokenNotMade
from licensemgr.shop.models import Scope, ShopToken
from licensemgr.shop.tokens import MAXIMUM_DAYS, make_token, revoke_token, token_in_force, use_token
from organizations.models import User
from tests.shop.shopping import token_for

pytestmark = pytest.mark.django_db


def test_a_token_has_256_random_bits_of_which_only_a_hash_is_kept(staff: User) -> None:
    first, second = token_for(staff), token_for(staff)
    assert first.token.startswith("lms_")
    # 32 bytes in base64url without padding.
    assert len(first.token) == 4 + 43
    assert first.token != second.token
    assert first.row.digest == hashlib.sha256(first.token.encode()).hexdigest()
    assert first.row.tail == first.token[-5:]
    assert token_in_force(first.token) == first.row
    assert token_in_force(second.token) == second.row
    for wrong in ("", "lms_", first.token[:-1], first.token.upper(), first.token + "x", first.row.digest, "\udfff"):
        assert token_in_force(wrong) is None


def test_scopes_stand_in_one_order_and_once(staff: User) -> None:
    assert token_for(staff, Scope.REVOKE, Scope.ISSUE, Scope.REVOKE).row.scopes == ["keys:issue", "keys:revoke"]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": " \n"},
        {"name": "x" * 121},
        {"scopes": []},
        {"scopes": ["keys:issue", "keys:everything"]},
        {"days": 0},
        {"days": MAXIMUM_DAYS + 1},
    ],
)
def test_what_makes_no_sense_is_refused(staff: User, changed: dict[str, object]) -> None:
    asked = {"name": "Shop", "scopes": ["keys:read"], "days": 30} | changed
    with pytest.raises(TokenNotMade, match="No token was made"):
        make_token(**asked, actor=staff, form_token=uuid.uuid4())  # type: ignore[arg-type]
    assert not ShopToken.objects.exists()


def test_the_same_form_makes_one_token(staff: User) -> None:
    form_token = uuid.uuid4()
    make_token(name="Shop", scopes=["keys:read"], days=1, actor=staff, form_token=form_token)
    with pytest.raises(TokenGivenBefore):
        make_token(name="Shop", scopes=["keys:read"], days=1, actor=staff, form_token=form_token)
    assert ShopToken.objects.count() == 1


def test_a_token_is_over_at_its_time_and_revoked_at_once(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    over, revoked = token_for(staff, days=30), token_for(staff)
    real = clock.real_now()
    for seconds, is_in_force in ((-1, True), (0, False)):
        at = over.row.expires_at + timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "real_now", lambda at=at: at)
        assert (token_in_force(over.token) is not None) is is_in_force
    monkeypatch.setattr(clock, "real_now", lambda: real)
    first = revoke_token(token=revoked.row, actor=staff)
    assert (first.revoked_at, first.revoked_by) == (real, staff)
    assert token_in_force(revoked.token) is None
    other = User.objects.create_user("other@example.net", "a long staff password")
    monkeypatch.setattr(clock, "real_now", lambda: real + timedelta(hours=1))
    again = revoke_token(token=revoked.row, actor=other)
    assert (again.revoked_at, again.revoked_by) == (real, staff)


def test_calls_are_counted_within_an_hour_and_refused_ones_are_not_noted(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SHOP_CALLS_PER_HOUR", 2)
    token, other = token_for(staff).row, token_for(staff).row
    start = clock.real_now()

    def at(minutes: int) -> ShopToken:
        monkeypatch.setattr(clock, "real_now", lambda: start + timedelta(minutes=minutes))
        use_token(token)
        token.refresh_from_db()
        return token

    assert at(0).last_used_at == start
    assert at(1).last_used_at == start + timedelta(minutes=1)
    with pytest.raises(TooManyCalls) as refused:
        at(2)
    assert refused.value.seconds == 58 * 60 + 1
    token.refresh_from_db()
    assert token.last_used_at == start + timedelta(minutes=1)
    use_token(other)
    assert at(60).calls == 1
    # Who read the clock a little before the call that began the window belongs to it; a clock that was set back begins anew.
    assert at(59).calls == 2
    assert at(0).calls == 1


def test_a_digest_is_there_once(staff: User) -> None:
    row = token_for(staff).row
    row.pk, row.form_token = None, uuid.uuid4()
    with pytest.raises(IntegrityError):
        row.save()
