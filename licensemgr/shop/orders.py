"""License keys for lines of the shop's orders: issued once, told by their states, replaced and revoked while unredeemed.

Whose wallet a key went into is never told. Every verb that changes a line locks it first, and its keys after it.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet

from licensemgr.core import clock
from licensemgr.core.integrity import is_taken
from licensemgr.core.numbers import grouped
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from licensemgr.shop.errors import (
    KeysNotRevoked,
    LineIssued,
    LineReplaced,
    NothingToReplace,
    OrderNotUnderstood,
    OrderTooLarge,
    OrderUnknown,
)
from licensemgr.shop.models import OrderLine, OrderLineBatch, ShopToken
from products.models import Product, Reseller
from wallet import keycode
from wallet.batches import KeyState, keys_with_state, vendors_today
from wallet.checking import stored_hash
from wallet.errors import KeysNotIssued
from wallet.models import KeyBatch, LicenseKey
from wallet.revoking import revoke_those_unredeemed
from wallet.services import issue_license_keys

# The most keys that one call issues, that a line has with all that were replaced, and that one answer tells of.
MAXIMUM_KEYS = 1_000
MAXIMUM_KEYS_OF_LINE = MAXIMUM_KEYS_TOLD = 10_000
# Of a token's name so much stands in the reason of what it revoked.
_NAME_SHOWN = 60
MAXIMUM_REASON = 120


@dataclass(frozen=True)
class ToldKey:
    """What the shop learns of a key that it once got."""

    id: int
    tail: str
    state: str
    # The number of the line's batch in which it was issued.
    batch: int


@dataclass(frozen=True)
class IssuedKey:
    """A key in clear, once."""

    id: int
    tail: str
    key: str


@dataclass(frozen=True)
class IssuedBatch:
    """The keys that were issued for a line now, in clear, and which batch of the line they are."""

    line: OrderLine
    batch: KeyBatch
    number: int
    # What each key carries: type code → quantity.
    licenses: Mapping[str, int]
    keys: Sequence[IssuedKey]


@dataclass(frozen=True)
class ToldLine:
    """A line, what each of its keys carries (of its latest batch, as of all of them), and its keys with their states."""

    line: OrderLine
    batch: KeyBatch
    number: int
    licenses: Mapping[str, int]
    keys: Sequence[ToldKey]


@dataclass(frozen=True)
class ResellerName:
    """By what the shop names a reseller: no two in a country have the same name in one place."""

    name: str
    city: str
    country: str


@acting(Part.REGISTRY)
def issue_for_order(
    *,
    order: str,
    line: str,
    product: str,
    kind: str,
    licenses: Mapping[str, int],
    count: int,
    token: ShopToken,
    reseller: ResellerName | None = None,
    redeem_by: date | None = None,
) -> IssuedBatch:
    """Issue ``count`` keys of ``licenses`` (type code → quantity) for a line of an order, once.

    Raises LineIssued when it has keys already, whatever they carry; OrderNotUnderstood for a product, type or reseller that is
    not known, a number out of range or a day that is over; then no key was issued.
    """
    with transaction.atomic():
        # The constraint on the line lets only one through, whoever sent it twice; the others wait here, and read what it made.
        found, is_new = OrderLine.objects.get_or_create(
            order_reference=order, line=line, defaults={"made_at": clock.real_now()}
        )
        if not is_new:
            raise LineIssued(_keys_of(found))
        if not 1 <= count <= MAXIMUM_KEYS:
            raise OrderNotUnderstood(
                _("From 1 to %(maximum)s keys can be issued by one call. No key was issued.")
                % {"maximum": grouped(MAXIMUM_KEYS)}
            )
        if redeem_by is not None and redeem_by < vendors_today():
            raise OrderNotUnderstood(
                _("The last day to redeem is over. No key was issued; choose a later one, or none.")
            )
        return _issue(
            found,
            number=1,
            product=_product(product),
            kind=kind,
            licenses=licenses,
            count=count,
            reseller=_reseller(reseller) if reseller else None,
            redeem_by=redeem_by,
            token=token,
        )


@acting(Part.REGISTRY)
def replace(*, order: str, line: str, reason: str, token: ShopToken, batch: int | None = None) -> IssuedBatch:
    """Revoke the line's keys that can still be redeemed and issue as many new ones that carry the same, whole or not at all.

    ``batch`` is the number of the line's latest batch as the shop knows it, so that the same call sent twice replaces once.
    Raises OrderUnknown, LineReplaced when another batch is the latest, NothingToReplace, OrderTooLarge.
    """
    try:
        with transaction.atomic():
            locked = _locked(order, line)
            latest = _batches(locked)[-1]
            if batch is not None and batch != latest.number:
                raise LineReplaced(_keys_of(locked))
            old = latest.batch
            if old.redeem_by is not None and old.redeem_by < vendors_today():
                raise NothingToReplace(_keys_of(locked))
            revoked = revoke_those_unredeemed(keys=_rows_of(locked), reason=_reason(reason, token), actor=None)
            if not revoked:
                raise NothingToReplace(_keys_of(locked))
            if _rows_of(locked).count() + len(revoked) > MAXIMUM_KEYS_OF_LINE:
                raise OrderTooLarge(
                    _(
                        "The keys of this order line were replaced so often that it has %(maximum)s of them. Nothing was "
                        "changed. Issue keys for a new line."
                    )
                    % {"maximum": grouped(MAXIMUM_KEYS_OF_LINE)}
                )
            return _issue(
                locked,
                number=latest.number + 1,
                product=old.product,
                kind=old.kind,
                licenses=_licenses(old),
                count=len(revoked),
                reseller=old.reseller,
                redeem_by=old.redeem_by,
                token=token,
            )
    except IntegrityError as error:
        if not is_taken(error, OrderLineBatch, "order_line", "number"):
            raise
        # Without the lock two would replace the same batch at once: the constraint on the number lets one through.
        raise LineReplaced(_keys_of(OrderLine.objects.get(order_reference=order, line=line))) from error


@acting(Part.REGISTRY)
def revoke(
    *, order: str, line: str, reason: str, token: ShopToken, ids: Collection[int] | None = None
) -> tuple[ToldLine, int]:
    """Revoke the line's keys that nobody has redeemed; returns the line with the states after it, and how many were revoked.

    With ``ids`` those keys are revoked, all or none: KeysNotRevoked names each that can't be. Without, what was redeemed stays
    and the rest is revoked; KeysNotRevoked when there is no such key. Raises OrderUnknown, too.
    """
    with transaction.atomic():
        locked = _locked(order, line)
        keys = _rows_of(locked)
        if ids is not None:
            keys = keys.filter(pk__in=set(ids))
        revoked = revoke_those_unredeemed(keys=keys, reason=_reason(reason, token), actor=None)
        if not revoked or (ids is not None and len(revoked) != len(set(ids))):
            done = {key.pk for key in revoked}
            # Rolled back with the refusal: nothing is revoked then.
            raise _not_revoked(locked, done, ids)
        [told] = _told(OrderLine.objects.filter(pk=locked.pk))
        return told, len(revoked)


def _not_revoked(line: OrderLine, done: Collection[int], ids: Collection[int] | None) -> KeysNotRevoked:
    """Why: of each key that can't be revoked its state, and how many are none of this line."""
    told = [key for key in _keys_of(line) if key.id not in done and (ids is None or key.id in ids)]
    foreign = 0 if ids is None else len(set(ids)) - len(done) - len(told)
    sentences = [_("Nothing was revoked.")]
    if told:
        sentences.append(
            _("A license key that was redeemed or revoked before can't be revoked; see “keys” for the state of each.")
        )
    if foreign:
        sentences.append(
            ngettext(
                "%(number)d of the ids is no key of this order line.",
                "%(number)d of the ids are no keys of this order line.",
                foreign,
            )
            % {"number": foreign}
        )
    sentences.append(_("Ask the state of the order line, and name only keys that are free or too late."))
    return KeysNotRevoked(" ".join(sentences), told)


@acting(Part.REGISTRY)
def state(*, order: str, line: str | None = None) -> list[ToldLine]:
    """The order's lines, or the one, with the state of each key. Raises OrderUnknown, OrderTooLarge."""
    lines = OrderLine.objects.filter(order_reference=order).order_by("pk")
    if line is not None:
        lines = lines.filter(line=line)
    if LicenseKey.objects.filter(batch__order_line_batch__order_line__in=lines).count() > MAXIMUM_KEYS_TOLD:
        raise OrderTooLarge(
            _("This order has more than %(maximum)s license keys. Nothing was changed. Ask for one line at a time.")
            % {"maximum": grouped(MAXIMUM_KEYS_TOLD)}
        )
    told = _told(lines)
    if not told:
        raise OrderUnknown
    return told


def _issue(
    line: OrderLine,
    *,
    number: int,
    product: Product,
    kind: str,
    licenses: Mapping[str, int],
    count: int,
    reseller: Reseller | None,
    redeem_by: date | None,
    token: ShopToken,
) -> IssuedBatch:
    batch_name = uuid.uuid4()
    try:
        keys = issue_license_keys(
            product=product,
            kind=kind,
            licenses=licenses,
            count=count,
            order_reference=line.order_reference,
            reseller=reseller,
            redeem_by=redeem_by,
            actor=None,
            form_token=batch_name,
        )
    except KeysNotIssued as error:
        raise OrderNotUnderstood(error.sentence) from error
    batch = KeyBatch.objects.select_related("product", "reseller").get(form_token=batch_name)
    OrderLineBatch.objects.create(order_line=line, batch=batch, number=number, issued_by=token)
    rows = {row.digest: row for row in batch.keys.all()}
    found = [(rows[stored_hash(keycode.parse(key).symbols).digest], key) for key in keys]
    return IssuedBatch(line, batch, number, _licenses(batch), [IssuedKey(row.pk, row.tail, key) for row, key in found])


def _product(code: str) -> Product:
    product = Product.objects.filter(code=code).first()
    if product is None:
        raise OrderNotUnderstood(
            _("There is no product “%(code)s”. No key was issued. Use the code of the catalogue.") % {"code": code}
        )
    return product


def _reseller(wanted: ResellerName) -> Reseller:
    reseller = Reseller.objects.filter(name=wanted.name, city=wanted.city, country=wanted.country).first()
    if reseller is None:
        raise OrderNotUnderstood(
            _(
                "There is no reseller “%(name)s” in %(city)s (%(country)s). No key was issued. Name one as it stands in the "
                "portal's list, or none."
            )
            % {"name": wanted.name, "city": wanted.city, "country": wanted.country}
        )
    return reseller


def _locked(order: str, line: str) -> OrderLine:
    found = OrderLine.objects.select_for_update().filter(order_reference=order, line=line).first()
    if found is None:
        raise OrderUnknown
    return found


def _batches(line: OrderLine) -> list[OrderLineBatch]:
    return list(_with_contents().filter(order_line=line))


def _with_contents() -> "QuerySet[OrderLineBatch]":
    return (
        OrderLineBatch.objects.select_related("batch__product", "batch__reseller")
        .prefetch_related("batch__lines__license_type")
        .order_by("number")
    )


def _licenses(batch: KeyBatch) -> dict[str, int]:
    return {each.license_type.code: each.quantity for each in sorted(batch.lines.all(), key=lambda each: each.pk)}


def _rows_of(line: OrderLine) -> "QuerySet[LicenseKey]":
    return LicenseKey.objects.filter(batch__order_line_batch__order_line=line)


def _keys_of(line: OrderLine) -> list[ToldKey]:
    """The line's keys, of every batch, in the order in which they were issued."""
    return _keys_by_line(_rows_of(line))[line.pk]


def _keys_by_line(rows: "QuerySet[LicenseKey]") -> dict[int, list[ToldKey]]:
    found: dict[int, list[ToldKey]] = defaultdict(list)
    of_line = "batch__order_line_batch"
    told = keys_with_state(rows, vendors_today()).order_by(f"{of_line}__number", "pk")
    names = ("pk", "tail", "state", f"{of_line}__number", f"{of_line}__order_line_id")
    for pk, tail, state, number, line in told.values_list(*names):
        found[line].append(ToldKey(pk, tail, str(KeyState(state).value), number))
    return found


def _told(lines: "QuerySet[OrderLine]") -> list[ToldLine]:
    """The lines with their keys, by as many queries as for one."""
    keys = _keys_by_line(LicenseKey.objects.filter(batch__order_line_batch__order_line__in=lines))
    told = []
    for line in lines.prefetch_related(Prefetch("batches", _with_contents())):
        latest = list(line.batches.all())[-1]
        told.append(ToldLine(line, latest.batch, latest.number, _licenses(latest.batch), keys[line.pk]))
    return told


def _reason(reason: str, token: ShopToken) -> str:
    """The shop's reason, and which token revoked: nobody of the portal did."""
    reason = " ".join(reason.split())[:MAXIMUM_REASON]
    return f"{reason} ({token.name[:_NAME_SHOWN]} …{token.tail})" if reason else ""
