"""Verbs that change license keys and the wallet."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from history.models import Action
from history.record import record
from licensemgr.core import clock
from organizations.books import changing
from organizations.models import User
from products.models import LicenseKind, LicenseType, Product, RegisteredProduct, Reseller
from wallet import keycode, ledger
from wallet.errors import (
    EmptyKey,
    KeyAlreadyRedeemed,
    KeyFormUsed,
    KeyMistyped,
    KeyNotRevoked,
    KeyOfAnotherProduct,
    KeyRevoked,
    KeysNotIssued,
    KeyTooLate,
    KeyUnknown,
)
from wallet.models import (
    AccountCategory,
    KeyBatch,
    KeyBatchLine,
    LicenseKey,
    LotOrigin,
    Redemption,
    TransferReason,
)
from wallet.queries import key_contents, undo_of

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
    reseller: Reseller | None = None,
    redeem_by: date | None = None,
    actor: User | None,
) -> list[str]:
    """Issue ``count`` keys that each carry ``licenses`` (type code → quantity); returns them, only now in clear.

    ``redeem_by`` is the last day on which they can be redeemed, that day included; None for no end.

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
            product=product,
            kind=kind,
            order_reference=order_reference,
            reseller=reseller,
            redeem_by=redeem_by,
            issued_at=clock.real_now(),
            issued_by=actor,
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
    KeyRevoked, KeyOfAnotherProduct, KeyTooLate, KeyFormUsed; then nothing has changed.
    """
    parsed = parse_license_key(license_key)
    with changing(registered_product.organization, on) as organization:
        key = _known_key(LicenseKey.objects.select_for_update(of=("self",)), parsed)
        earlier = _counting_redemption(key)
        if (
            earlier is not None
            and form_token is not None
            and (earlier.organization_id, earlier.form_token) == (organization.pk, form_token)
        ):
            return earlier
        _refuse_key(key, earlier, organization.pk)
        if key.batch.product_id != registered_product.product_id:
            raise KeyOfAnotherProduct(product=key.batch.product.name)
        if key.batch.redeem_by is not None and on > key.batch.redeem_by:
            raise KeyTooLate(redeem_by=key.batch.redeem_by)
        if (
            form_token is not None
            and Redemption.objects.filter(organization=organization, license_key=key, form_token=form_token).exists()
        ):
            raise KeyFormUsed
        return _redeem(registered_product, key, actor, on, form_token)


def _known_key(keys: QuerySet[LicenseKey], parsed: keycode.ParsedKey) -> LicenseKey:
    key = keys.select_related("batch__product").filter(digest=digest(parsed.symbols)).first()
    if key is None:
        raise KeyUnknown
    return key


def _counting_redemption(key: LicenseKey) -> Redemption | None:
    """The redemption of a key that is not undone."""
    return (
        Redemption.objects.filter(license_key=key, undone_on=None)
        .select_related("redeemed_by", "registered_product__product")
        .first()
    )


def _refuse_key(key: LicenseKey, earlier: Redemption | None, organization_id: int) -> None:
    """Refuse a key that was redeemed or revoked: the former is found out first, so that others' keys tell nothing (R21)."""
    if earlier is not None:
        if earlier.organization_id != organization_id:
            raise KeyUnknown
        raise KeyAlreadyRedeemed(
            on=earlier.redeemed_on,
            by=str(earlier.redeemed_by or _("the system")),
            product=earlier.registered_product.product.name,
        )
    if key.revoked_at is not None:
        raise KeyRevoked


@dataclass(frozen=True)
class CheckedKey:
    """What a license key that nobody redeemed carries: what is told before it is redeemed."""

    product: Product
    kind: str
    licenses: tuple[tuple[LicenseType, int], ...]
    # The last day on which it can be redeemed; None for no end.
    redeem_by: date | None
    # Whether it can be redeemed into the wallet from which it was checked, on that day.
    is_for_this_product: bool
    is_too_late: bool

    @property
    def total(self) -> int:
        return sum(quantity for _license_type, quantity in self.licenses)


def check_license_key(*, registered_product: RegisteredProduct, license_key: str, on: date) -> CheckedKey:
    """What a key carries, without redeeming it. Changes nothing.

    Raises EmptyKey, KeyMistyped, KeyUnknown, KeyAlreadyRedeemed, KeyRevoked, as redeeming it would (R21).
    """
    key = _known_key(LicenseKey.objects.all(), parse_license_key(license_key))
    _refuse_key(key, _counting_redemption(key), registered_product.organization_id)
    return CheckedKey(
        product=key.batch.product,
        kind=key.batch.kind,
        licenses=tuple((line.license_type, line.quantity) for line in key_contents(key)),
        redeem_by=key.batch.redeem_by,
        is_for_this_product=key.batch.product_id == registered_product.product_id,
        is_too_late=key.batch.redeem_by is not None and on > key.batch.redeem_by,
    )


def _redeem(
    registered_product: RegisteredProduct, key: LicenseKey, actor: User | None, on: date, form_token: UUID | None
) -> Redemption:
    lines = key_contents(key)
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
        transfer=redemption.transfer.sequence,
        key_tail=key.tail,
        kind=key.batch.kind,
        order_reference=key.batch.order_reference,
        licenses={line.license_type.code: line.quantity for line in lines},
    )
    return redemption


def undo_redemption(*, redemption: Redemption, actor: User | None, on: date) -> Redemption:
    """Undo a redemption, whole (R33): its licenses are taken back from the wallet, and the key can be redeemed again.

    Undoing twice counts once. Raises UndoIsOff, UndoTooLate, UndoNotWhole; then nothing has changed.
    """
    with changing(redemption.organization, on) as organization:
        redemption = (
            Redemption.objects.select_for_update(of=("self",))
            .select_related("license_key__batch", "registered_product__product")
            .get(pk=redemption.pk, organization=organization)
        )
        if redemption.undone_on is not None:
            return redemption
        undo = undo_of(redemption, on)
        if undo.refused is not None:
            raise undo.refused
        registered_product = redemption.registered_product
        moves = [
            ledger.Move(
                lot.account,
                ledger.single_account(
                    registered_product, lot.account.license_type, lot.account.kind, AccountCategory.TAKEN_BACK
                ),
                lot.account.balance,
            )
            for lot in undo.lots
        ]
        made = ledger.transfer(
            registered_product=registered_product, reason=TransferReason.UNDONE, moves=moves, actor=actor, on=on
        )
        redemption.undone_on, redemption.undone_by, redemption.undo_transfer = on, actor, made
        redemption.save(update_fields=["undone_on", "undone_by", "undo_transfer"])
        record(
            organization=organization,
            action=Action.REDEMPTION_UNDONE,
            actor=actor,
            on=on,
            product=registered_product.product,
            key_tail=redemption.license_key.tail,
            kind=redemption.license_key.batch.kind,
            order_reference=redemption.license_key.batch.order_reference,
            licenses={lot.account.license_type.code: lot.account.balance for lot in undo.lots},
            redeemed_on=redemption.redeemed_on.isoformat(),
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
        if _counting_redemption(key) is not None:
            raise KeyNotRevoked(_("This key was redeemed already and can't be revoked. Nothing was changed."))
        if key.revoked_at is not None:
            raise KeyNotRevoked(_("This key was revoked before. Nothing was changed."))
        key.revoked_at, key.revoked_reason = clock.real_now(), reason.strip()[:200]
        key.save(update_fields=["revoked_at", "revoked_reason"])
    return key
