"""The portal's signing keys: made, announced, rotated without a gap, and never in clear in the database."""

import pytest
from django.conf import settings

from licensemgr.core import signing_keys
from licensemgr.core.models import SigningKey
from licensemgr.core.sealing import Purpose, SealBroken, seal, unseal

pytestmark = pytest.mark.django_db


def states() -> list[str]:
    return list(SigningKey.objects.order_by("pk").values_list("state", flat=True))


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(signing_keys.NoSigningKey, match="rotate_signing_key"):
        signing_keys.current_key()
    with pytest.raises(signing_keys.NoSigningKey):
        signing_keys.instance_id()
    assert signing_keys.public_keys() == []


def test_the_next_key_is_announced_before_it_signs() -> None:
    first = signing_keys.rotate()
    instance = signing_keys.instance_id()
    [announced] = signing_keys.next_public_keys()
    second = signing_keys.rotate()
    assert second.kid == announced["kid"] != first.kid
    assert states() == ["former", "current", "next"]
    kid, key = signing_keys.current_key()
    assert kid == second.kid == key.thumbprint()
    assert [jwk["kid"] for jwk in signing_keys.public_keys()][:2] == [first.kid, second.kid]
    assert all("d" not in jwk for jwk in signing_keys.public_keys())
    former = signing_keys.verifying_key(first.kid)
    assert former is not None and former.thumbprint() == first.kid
    assert signing_keys.verifying_key("unknown") is None
    assert signing_keys.instance_id() == instance


def test_a_lost_secret_stops_signing_and_one_rotation_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = signing_keys.rotate()
    monkeypatch.setattr(settings, "ENCRYPTION_SECRET", "another secret than before")
    with pytest.raises(signing_keys.NoSigningKey, match="ENCRYPTION_SECRET"):
        signing_keys.current_key()
    made = signing_keys.rotate()
    assert signing_keys.current_key()[0] == made.kid
    assert states() == ["former", "former", "current", "next"]
    # What was signed by the lost key stays verifiable.
    assert signing_keys.verifying_key(lost.kid) is not None


def test_what_is_sealed_opens_only_as_what_it_was_sealed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(b"secret", purpose=Purpose.WEBHOOKS, bound_to="a")
    assert unseal(memoryview(sealed), purpose=Purpose.WEBHOOKS, bound_to="a") == b"secret"
    assert b"secret" not in sealed and sealed != seal(b"secret", purpose=Purpose.WEBHOOKS, bound_to="a")
    wrong = [
        (sealed, Purpose.PIECES, "a"),
        (sealed, Purpose.WEBHOOKS, "b"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), Purpose.WEBHOOKS, "a"),
        (sealed[:5], Purpose.WEBHOOKS, "a"),
        (b"", Purpose.WEBHOOKS, "a"),
    ]
    for data, purpose, bound_to in wrong:
        with pytest.raises(SealBroken):
            unseal(data, purpose=purpose, bound_to=bound_to)
