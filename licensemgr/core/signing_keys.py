"""The keys with which the portal signs license files, and their rotation without a gap."""

import uuid

from django.db import transaction
from django.utils.translation import gettext as _
from joserfc.jwk import OKPKey

from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.models import Instance, SigningKey
from licensemgr.core.sealing import Purpose, SealBroken, seal, unseal


class NoSigningKey(Refused):
    """There is no key to sign with: no license file is given, signed or not."""

    code = "no signing key"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            _(
                "License files can't be signed at the moment, so none was given. Nothing was changed. Whoever runs this portal "
                "has to run “manage.py rotate_signing_key”, or to restore ENCRYPTION_SECRET."
            )
        )


def current_key() -> tuple[str, OKPKey]:
    """The id and the key with which is signed now. Raises NoSigningKey."""
    row = SigningKey.objects.filter(state=SigningKey.State.CURRENT).first()
    if row is None:
        raise NoSigningKey
    try:
        private = _open(row)
    except SealBroken as error:
        raise NoSigningKey from error
    return row.kid, OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": row.public, "d": private})


def _open(row: SigningKey) -> str:
    """The private part of the key. Raises SealBroken."""
    return unseal(row.sealed, purpose=Purpose.SIGNING_KEYS, bound_to=row.kid).decode()


def _public(row: SigningKey) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": row.public, "kid": row.kid, "use": "sig", "alg": "Ed25519"}


def public_keys() -> list[dict[str, str]]:
    """The public keys (JWK): of former files, of files signed now, and the next one."""
    return [_public(row) for row in SigningKey.objects.order_by("made_at", "pk")]


def next_public_keys() -> list[dict[str, str]]:
    """The public keys that will sign later files, so that systems in the field trust them before they do."""
    return [_public(row) for row in SigningKey.objects.filter(state=SigningKey.State.NEXT)]


def verifying_key(kid: str) -> OKPKey | None:
    """The public key of that id, whatever its state; None for one that is not of this portal."""
    row = SigningKey.objects.filter(kid=kid).first()
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": row.public}) if row else None


def rotate() -> SigningKey:
    """The next key becomes the current one, and a new next one is made. The first time, both are made.

    A next key that can't be opened any more, because ENCRYPTION_SECRET was lost, is set aside for a new one.
    """
    now = clock.real_now()
    with transaction.atomic():
        # Its row is the lock: two rotations at the same time are one after the other.
        Instance.objects.get_or_create(pk=1, defaults={"instance_id": uuid.uuid4()})
        Instance.objects.select_for_update().get(pk=1)
        rows = {row.state: row for row in SigningKey.objects.exclude(state=SigningKey.State.FORMER)}
        current = rows.get(SigningKey.State.CURRENT)
        if current is not None:
            current.state, current.former_at = SigningKey.State.FORMER, now
            current.save(update_fields=["state", "former_at"])
        becoming = rows.get(SigningKey.State.NEXT) or _make()
        try:
            _open(becoming)
        except SealBroken:
            becoming.state, becoming.former_at = SigningKey.State.FORMER, now
            becoming.save(update_fields=["state", "former_at"])
            becoming = _make()
        becoming.state, becoming.current_at = SigningKey.State.CURRENT, now
        becoming.save()
        _make().save()
    return becoming


def _make() -> SigningKey:
    key = OKPKey.generate_key("Ed25519")
    kid = key.thumbprint()
    private = key.as_dict(private=True)
    return SigningKey(
        kid=kid,
        public=str(private["x"]),
        sealed=seal(str(private["d"]).encode(), purpose=Purpose.SIGNING_KEYS, bound_to=kid),
        state=SigningKey.State.NEXT,
        made_at=clock.real_now(),
    )


def instance_id() -> uuid.UUID:
    """The id of this installation, made with its first signing key. Raises NoSigningKey before."""
    instance = Instance.objects.filter(pk=1).first()
    if instance is None:
        raise NoSigningKey
    return instance.instance_id
