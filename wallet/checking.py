"""Looking at a license key that was typed: which one it is, whether it is free, what it carries. Changes nothing (R21)."""

from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from licensemgr.core.peppers import KeyedHash, keyed_hash, keyed_hashes
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.worded import gettext as _
from products.models import LicenseKind, LicenseType, Product, RegisteredProduct
from wallet import keycode
from wallet.errors import EmptyKey, KeyAlreadyRedeemed, KeyMistyped, KeyRevoked, KeyUnknown
from wallet.models import LicenseKey, Redemption
from wallet.queries import key_contents

# From so many licenses on a person types the organization's name to redeem a key, as there is no transfer.
NAME_ASKED_FROM = 100


def stored_hash(symbols: str) -> KeyedHash:
    """The keyed hash under which a key is stored from now on."""
    return keyed_hash(symbols.encode())


def keys_of_symbols(keys: QuerySet[LicenseKey], symbols: str) -> QuerySet[LicenseKey]:
    """The key of these with those symbols, at most one, whichever of the known peppers was in force when it was issued."""
    return keys.filter(digest__in=[found.digest for found in keyed_hashes(symbols.encode())])


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


def known_key(keys: QuerySet[LicenseKey], parsed: keycode.ParsedKey) -> LicenseKey:
    """The key of these that was typed. Raises KeyUnknown."""
    key = keys_of_symbols(keys.select_related("batch__product"), parsed.symbols).first()
    if key is None:
        raise KeyUnknown
    return key


def counting_redemption(key: LicenseKey) -> Redemption | None:
    """The redemption of a key that is not undone, in whichever organization: others' are told from unknown keys nowhere."""
    with acting(Part.REGISTRY):
        return (
            Redemption.objects.filter(license_key=key, undone_on=None)
            .select_related("redeemed_by", "registered_product__product")
            .first()
        )


def refuse_key(key: LicenseKey, earlier: Redemption | None, organization_id: int) -> None:
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

    @property
    def asks_for_name(self) -> bool:
        """Whether redeeming it asks for the organization's name."""
        return self.total >= NAME_ASKED_FROM

    @property
    def kind_label(self) -> str:
        """The kind as pages name it."""
        return str(LicenseKind(self.kind).label)


def check_license_key(*, registered_product: RegisteredProduct, license_key: str, on: date) -> CheckedKey:
    """What a key carries, without redeeming it. Changes nothing.

    Raises EmptyKey, KeyMistyped, KeyUnknown, KeyAlreadyRedeemed, KeyRevoked, as redeeming it would (R21).
    """
    key = known_key(LicenseKey.objects.all(), parse_license_key(license_key))
    refuse_key(key, counting_redemption(key), registered_product.organization_id)
    return contents_of(key, registered_product, on)


def contents_of(key: LicenseKey, registered_product: RegisteredProduct, on: date) -> CheckedKey:
    """What the key carries, looked at from the wallet of ``registered_product`` on ``on``."""
    return CheckedKey(
        product=key.batch.product,
        kind=key.batch.kind,
        licenses=tuple((line.license_type, line.quantity) for line in key_contents(key)),
        redeem_by=key.batch.redeem_by,
        is_for_this_product=key.batch.product_id == registered_product.product_id,
        is_too_late=key.batch.redeem_by is not None and on > key.batch.redeem_by,
    )
