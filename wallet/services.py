"""Verbs that change license keys and the wallet."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from history.models import Action
from history.record import record
from licensemgr.core import clock
from organizations.books import changing
from organizations.models import User
from products.models import LicenseKind, Product, RegisteredProduct
from wallet import keycode, ledger
from wallet.errors import (
    EmptyKey,
    KeyAlreadyRedeemed,
    KeyMistyped,
    KeyNotRevoked,
    KeyOfAnotherProduct,
    KeyRevoked,
    KeysNotIssued,
    KeyUnknown,
)
from wallet.models import KeyBatch, KeyBatchLine, LicenseKey, LotOrigin, Redemption, TransferReason

# The most licenses of one type that a key can carry, and the most keys of one batch.
MAXIMUM_LICENSES = 1_000_000
MAXIMUM_KEYS = 10_000


def digest(symbols: str) -> str:
    """The keyed hash under which a key is stored: HMAC-SHA-256 with the pepper from the environment."""
    return hmac.new(settings.LICENSE_KEY_PEPPER.encode(), symbols.encode(), hashlib.sha256).hexdigest()


def issue_license_keys(
    *,
    product: Product,
    kind: str,
    licenses: Mapping[str, int],
    count: int,
    order_reference: str = "",
    actor: User | None,
) -> list[str]:
    """Issue ``count`` keys that each carry ``licenses`` (type code → quantity); returns them, only now in clear.

    Raises KeysNotIssued for a key without licenses, an unknown kind or type, or a number out of range.
    """
    if kind not in LicenseKind.values:
        raise KeysNotIssued(_("The kind has to be subscription or hardware. No key was issued."))
    types = {license_type.code: license_type for license_type in product.license_types.all()}
    unknown = sorted(set(licenses) - set(types))
    if unknown:
        raise KeysNotIssued(
            _("%(product)s has no license type “%(code)s”. No key was issued.")
            % {"product": product.name, "code": unknown[0]}
        )
    if any(not 0 <= quantity <= MAXIMUM_LICENSES for quantity in licenses.values()):
        raise KeysNotIssued(
            _("A key carries from 0 to %(maximum)d licenses per type. No key was issued.")
            % {"maximum": MAXIMUM_LICENSES}
        )
    if not any(licenses.values()):
        raise KeysNotIssued(_("A license key carries at least one license. No key was issued."))
    if not 1 <= count <= MAXIMUM_KEYS:
        raise KeysNotIssued(
            _("From 1 to %(maximum)d keys can be issued at once. No key was issued.") % {"maximum": MAXIMUM_KEYS}
        )
    keys = [keycode.generate(kind) for _number in range(count)]
    with transaction.atomic():
        batch = KeyBatch.objects.create(
            product=product, kind=kind, order_reference=order_reference, issued_at=clock.real_now(), issued_by=actor
        )
        KeyBatchLine.objects.bulk_create(
            KeyBatchLine(batch=batch, license_type=types[code], quantity=quantity)
            for code, quantity in licenses.items()
            if quantity
        )
        parsed = [keycode.parse(key) for key in keys]
        LicenseKey.objects.bulk_create(
            LicenseKey(batch=batch, digest=digest(key.symbols), tail=key.tail) for key in parsed
        )
    return keys


def parse_license_key(text: str) -> keycode.ParsedKey:
    """The key that was typed. Raises EmptyKey, or KeyMistyped with a sentence that says where to look (R21)."""
    try:
        # A key that was copied brings tabs and line ends with it: spaces too (R21).
        return keycode.parse(" ".join(text.split()))
    except keycode.MalformedKey as error:
        if error.reason == keycode.Reason.EMPTY:
            raise EmptyKey from error
        raise KeyMistyped(_sentence(error)) from error


def _sentence(error: keycode.MalformedKey) -> str:
    if error.reason == keycode.Reason.LENGTH:
        return _(
            "This is not a whole license key: it has %(length)s symbols instead of 25. Nothing was changed. Type or paste "
            "it again."
        ) % {"length": error.length}
    if error.reason == keycode.Reason.SYMBOL:
        return _(
            "Symbol %(position)s is one that no license key contains. Nothing was changed. Compare the key with the one "
            "you received."
        ) % {"position": error.position}
    if error.suggestion_group is not None and error.suggestion_position is not None:
        return _(
            "This license key is mistyped. Nothing was changed. Check here: group %(group)s, around symbol %(position)s of "
            "that group."
        ) % {"group": error.suggestion_group, "position": (error.suggestion_position - 1) % 5 + 1}
    return _("This license key is mistyped. Nothing was changed. Compare it with the one you received.")


def redeem_license_key(
    *,
    registered_product: RegisteredProduct,
    license_key: str,
    actor: User | None,
    on: date,
    form_token: UUID | None = None,
) -> Redemption:
    """Redeem a key, whole, into the wallet of ``registered_product`` (R21); each type becomes a lot (R22).

    The same form sent twice (``form_token``) counts once. Raises EmptyKey, KeyMistyped, KeyUnknown, KeyAlreadyRedeemed,
    KeyRevoked, KeyOfAnotherProduct; then nothing has changed.
    """
    parsed = parse_license_key(license_key)
    with changing(registered_product.organization, on) as organization:
        key = (
            LicenseKey.objects.select_for_update(of=("self",))
            .select_related("batch__product")
            .filter(digest=digest(parsed.symbols))
            .first()
        )
        if key is None:
            raise KeyUnknown
        earlier = Redemption.objects.filter(license_key=key).select_related("redeemed_by", "registered_product").first()
        if earlier is not None:
            # Found out before the product or a revocation is looked at, so that other tenants' keys tell nothing.
            if earlier.organization_id != organization.pk:
                raise KeyUnknown
            if form_token is not None and earlier.form_token == form_token:
                return earlier
            raise KeyAlreadyRedeemed(
                on=earlier.redeemed_on,
                by=str(earlier.redeemed_by or _("the system")),
                product=earlier.registered_product.product.name,
            )
        if key.revoked_at is not None:
            raise KeyRevoked
        if key.batch.product_id != registered_product.product_id:
            raise KeyOfAnotherProduct(product=key.batch.product.name)
        return _redeem(registered_product, key, actor, on, form_token)


def _redeem(
    registered_product: RegisteredProduct, key: LicenseKey, actor: User | None, on: date, form_token: UUID | None
) -> Redemption:
    lines = list(key.batch.lines.select_related("license_type").order_by("license_type__position", "license_type_id"))
    moves = [
        ledger.enter_lot(
            registered_product=registered_product,
            license_type=line.license_type,
            kind=key.batch.kind,
            quantity=line.quantity,
        )
        for line in lines
    ]
    try:
        with transaction.atomic():
            made = ledger.transfer(
                registered_product=registered_product, reason=TransferReason.REDEEMED, moves=moves, actor=actor, on=on
            )
            ledger.add_lots(made, moves, LotOrigin.REDEEMED)
            redemption = Redemption.objects.create(
                organization_id=registered_product.organization_id,
                registered_product=registered_product,
                license_key=key,
                transfer=made,
                redeemed_by=actor,
                redeemed_on=on,
                form_token=form_token,
            )
    except IntegrityError as error:
        # Another organization redeemed it at this very moment: the constraint on the key let only one through.
        raise KeyUnknown from error
    record(
        organization=registered_product.organization,
        action=Action.KEY_REDEEMED,
        actor=actor,
        on=on,
        product=registered_product.product,
        key_tail=key.tail,
        kind=key.batch.kind,
        order_reference=key.batch.order_reference,
        licenses={line.license_type.code: line.quantity for line in lines},
    )
    return redemption


def revoke_license_key(*, license_key: str, reason: str) -> LicenseKey:
    """Revoke a key that nobody has redeemed. Raises EmptyKey, KeyMistyped, KeyNotRevoked."""
    parsed = parse_license_key(license_key)
    if not reason.strip():
        raise KeyNotRevoked(_("A revocation needs a reason. The key was not revoked."))
    with transaction.atomic():
        key = LicenseKey.objects.select_for_update().filter(digest=digest(parsed.symbols)).first()
        if key is None:
            raise KeyNotRevoked(_("No such key was ever issued here. Nothing was revoked."))
        if Redemption.objects.filter(license_key=key).exists():
            raise KeyNotRevoked(_("This key was redeemed already and can't be revoked. Nothing was changed."))
        if key.revoked_at is not None:
            raise KeyNotRevoked(_("This key was revoked before. Nothing was changed."))
        key.revoked_at, key.revoked_reason = clock.real_now(), reason.strip()[:200]
        key.save(update_fields=["revoked_at", "revoked_reason"])
    return key
