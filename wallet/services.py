"""Verbs that change license keys and the wallet."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from history.models import Action
from history.record import record
from licensemgr.core import clock
from licensemgr.core.integrity import is_taken
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from organizations.books import changing
from organizations.models import User
from products.models import LicenseKind, Product, RegisteredProduct, Reseller
from wallet import key_changes, keycode, ledger
from wallet.checking import (
    contents_of,
    counting_redemption,
    keys_of_symbols,
    known_key,
    parse_license_key,
    refuse_key,
    stored_hash,
)
from wallet.errors import (
    KeyFormUsed,
    KeyNotRevoked,
    KeyOfAnotherProduct,
    KeysGivenBefore,
    KeysNotIssued,
    KeyTooLate,
    KeyUnknown,
    NameNotTyped,
)
from wallet.models import (
    AccountCategory,
    KeyBatch,
    KeyBatchLine,
    LicenseKey,
    LotOrigin,
    Policy,
    Redemption,
    TransferReason,
)
from wallet.queries import key_contents, undo_of
from wallet.revoking import revoke_key

# The most licenses of one type that a key can carry, and the most keys of one batch.
MAXIMUM_LICENSES = 1_000_000
MAXIMUM_KEYS = 10_000


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
    form_token: UUID | None = None,
) -> list[str]:
    """Issue ``count`` keys that each carry ``licenses`` (type code → quantity); returns them, only now in clear.

    ``redeem_by`` is the last day on which they can be redeemed, that day included; None for no end.

    Raises KeysNotIssued for a key without licenses, an unknown kind or type, or a number out of range; KeysGivenBefore
    when the same form (``form_token``) issued its batch already.
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
            _("A key carries from 0 to %(maximum)s licenses per type. No key was issued.")
            % {"maximum": grouped(MAXIMUM_LICENSES)}
        )
    if not any(licenses.values()):
        raise KeysNotIssued(_("A license key carries at least one license. No key was issued."))
    if not 1 <= count <= MAXIMUM_KEYS:
        raise KeysNotIssued(
            _("From 1 to %(maximum)s keys can be issued at once. No key was issued.")
            % {"maximum": grouped(MAXIMUM_KEYS)}
        )
    keys = [keycode.generate(kind) for _number in range(count)]
    with transaction.atomic():
        batch = _new_batch(
            form_token,
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
            LicenseKey(batch=batch, digest=found.digest, pepper_id=found.pepper_id, tail=key.tail)
            for key in parsed
            for found in (stored_hash(key.symbols),)
        )
    return keys


def _new_batch(form_token: UUID | None, **fields: Any) -> KeyBatch:
    try:
        with transaction.atomic():
            return KeyBatch.objects.create(form_token=form_token, **fields)
    except IntegrityError as error:
        if not is_taken(error, KeyBatch, "form_token"):
            raise
        # The constraint on the form's token let only one through, whoever sent it twice.
        raise KeysGivenBefore(KeyBatch.objects.get(form_token=form_token)) from error


def redeem_license_key(
    *,
    registered_product: RegisteredProduct,
    license_key: str,
    actor: User | None,
    on: date,
    form_token: UUID | None = None,
    typed_name: str | None = None,
) -> Redemption:
    """Redeem a key, whole, into the wallet of ``registered_product`` (R21); each type becomes a lot (R22).

    The same form sent twice (``form_token``) counts once. ``typed_name`` is what a person typed as the organization's
    name, which a key of NAME_ASKED_FROM licenses or more needs; None where no person is asked, as in commands. Raises
    EmptyKey, KeyMistyped, KeyUnknown, KeyAlreadyRedeemed, KeyRevoked, KeyOfAnotherProduct, KeyTooLate, KeyFormUsed,
    NameNotTyped; then nothing has changed.
    """
    parsed = parse_license_key(license_key)
    with changing(registered_product.organization, on) as organization:
        key = known_key(LicenseKey.objects.select_for_update(of=("self",)), parsed)
        earlier = counting_redemption(key)
        if (
            earlier is not None
            and form_token is not None
            and (earlier.organization_id, earlier.form_token) == (organization.pk, form_token)
        ):
            return earlier
        refuse_key(key, earlier, organization.pk)
        if key.batch.product_id != registered_product.product_id:
            raise KeyOfAnotherProduct(product=key.batch.product.name)
        if key.batch.redeem_by is not None and on > key.batch.redeem_by:
            raise KeyTooLate(redeem_by=key.batch.redeem_by)
        if (
            form_token is not None
            and Redemption.objects.filter(organization=organization, license_key=key, form_token=form_token).exists()
        ):
            raise KeyFormUsed
        if typed_name is not None and not organization.is_called(typed_name):
            contents = contents_of(key, registered_product, on)
            if contents.asks_for_name:
                raise NameNotTyped(contents=contents, organization=organization.name)
        return _redeem(registered_product, key, actor, on, form_token)


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
        if not is_taken(error, Redemption, "license_key"):
            raise
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
    key_changes.tell("redeemed", [key])
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
        key_changes.tell("undone", [redemption.license_key])
    return redemption


def revoke_license_key(*, license_key: str, reason: str, actor: User | None = None) -> LicenseKey:
    """Revoke a key that nobody has redeemed, known by its symbols. Raises EmptyKey, KeyMistyped, KeyNotRevoked."""
    parsed = parse_license_key(license_key)
    key = keys_of_symbols(LicenseKey.objects.all(), parsed.symbols).first()
    if key is None:
        raise KeyNotRevoked(_("No such key was ever issued here. Nothing was revoked."))
    return revoke_key(key=key, reason=reason, actor=actor)


def change_policy(*, undo_is_on: bool, undo_days: int, release_is_on: bool, release_ends_days_before: int) -> Policy:
    """Decide whether and how long redemptions can be undone (R33) and coming years released (R34)."""
    decided, _created = Policy.objects.update_or_create(
        pk=1,
        defaults={
            "undo_is_on": undo_is_on,
            "undo_days": undo_days,
            "release_is_on": release_is_on,
            "release_ends_days_before": release_ends_days_before,
        },
    )
    return decided
