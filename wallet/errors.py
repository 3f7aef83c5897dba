"""What the wallet refuses, each with the sentence that the person reads."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from licensemgr.core.enumerations import counted_up
from licensemgr.core.errors import Refused
from licensemgr.core.moments import say_day
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext

if TYPE_CHECKING:
    from wallet.checking import CheckedKey
    from wallet.models import KeyBatch


class NotEnoughLicenses(Refused):
    """The wallet holds fewer licenses than are wanted (R17)."""

    code = "wallet"

    def __init__(self, short: Mapping[str, int]) -> None:
        self.short = dict(short)
        total = sum(self.short.values())
        listed = counted_up(f"{code}: {grouped(quantity)}" for code, quantity in self.short.items())
        super().__init__(
            ngettext(
                "You don't have enough licenses in your product wallet to match the current need: %(total)s license is "
                "missing (%(listed)s). Nothing was allocated. Redeem another license key first.",
                "You don't have enough licenses in your product wallet to match the current need: %(total)s licenses "
                "are missing (%(listed)s). Nothing was allocated. Redeem another license key first.",
                total,
            )
            % {"total": grouped(total), "listed": listed}
        )


class KeyRefused(Refused):
    """A license key that can't be redeemed here (R21)."""

    code = "key"
    field = "license_key"


class KeyMistyped(KeyRefused):
    """The check symbols do not fit: typed wrongly (R21)."""

    code = "key mistyped"


class KeyUnknown(KeyRefused):
    """No such key, or one that another organization redeemed: one and the same answer (R21)."""

    code = "key unknown"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This license key can't be redeemed: it is not known here, or it is no longer free. Nothing was changed. "
                "Compare it with the one you received, or ask the reseller who sold it."
            )
        )


class KeyAlreadyRedeemed(KeyRefused):
    """This organization itself redeemed the key before (R21)."""

    code = "key redeemed"

    def __init__(self, *, on: date, by: str, product: str) -> None:
        super().__init__(
            _(
                "Your organization already redeemed this license key on %(on)s (by %(by)s, for %(product)s). Its licenses "
                "entered the wallet then; nothing was changed now."
            )
            % {"on": say_day(on), "by": by, "product": product}
        )


class KeyRevoked(KeyRefused):
    """The vendor revoked the key (R21)."""

    code = "key revoked"

    def __init__(self) -> None:
        super().__init__(
            _("This license key has been revoked by the vendor. Nothing was changed. Ask the reseller who sold it.")
        )


class KeyOfAnotherProduct(KeyRefused):
    """The key is for another product than the one whose wallet is open (R21)."""

    code = "key of another product"

    def __init__(self, *, product: str) -> None:
        super().__init__(
            _(
                "This license key is for %(product)s. Nothing was changed. Open the Product wallet of %(product)s to redeem it."
            )
            % {"product": product}
        )


class ProductNotRegistered(KeyRefused):
    """The product is not registered to the organization (R21)."""

    code = "not registered"

    def __init__(self) -> None:
        super().__init__(
            _("This product is not registered to the organization yet. Nothing was changed; register it first.")
        )


class KeyTooLate(KeyRefused):
    """The day up to which the key could be redeemed is over."""

    code = "key too late"

    def __init__(self, *, redeem_by: date) -> None:
        super().__init__(
            _(
                "This license key could be redeemed until %(date)s. Nothing was changed. Ask the reseller who sold it for "
                "a new one."
            )
            % {"date": say_day(redeem_by)}
        )


class KeyFormUsed(KeyRefused):
    """The same form redeemed the key before, and that redemption was undone since (R18, R33)."""

    code = "key form used"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This page redeemed the license key before, and that redemption was undone since. Nothing was changed now. "
                "To redeem the key again, open the Product wallet anew."
            )
        )


class NameNotTyped(KeyRefused):
    """A key with many licenses is redeemed once the organization's name was typed, as there is no transfer (R21)."""

    code = "name"
    field = "organization_name"

    def __init__(self, *, contents: "CheckedKey", organization: str) -> None:
        self.contents = contents
        super().__init__(
            ngettext(
                "This license key carries %(total)s license. Nothing was changed. To redeem it, type the name of the "
                "organization: %(organization)s.",
                "This license key carries %(total)s licenses. Nothing was changed. To redeem it, type the name of the "
                "organization: %(organization)s.",
                contents.total,
            )
            % {"total": grouped(contents.total), "organization": organization}
        )


class EmptyKey(KeyRefused):
    """A key without any license, or no key at all (R21)."""

    code = "empty"

    def __init__(self) -> None:
        super().__init__(_("No license key was entered. Nothing was changed. Type or paste the license key."))


class TooManyTries(KeyRefused):
    """Too many unknown keys were tried."""

    code = "tries"
    status = 429

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        super().__init__(
            ngettext(
                "Too many license keys that are not known were tried. Nothing was changed. Try again in %(minutes)s minute.",
                "Too many license keys that are not known were tried. Nothing was changed. Try again in %(minutes)s minutes.",
                minutes,
            )
            % {"minutes": grouped(minutes)}
        )


class KeysNotIssued(Refused):
    """Keys that can't be issued as asked."""

    code = "empty"


class KeysGivenBefore(Refused):
    """The same form issued its keys before; nothing clear of them is kept (R18)."""

    code = "keys given before"

    def __init__(self, batch: "KeyBatch") -> None:
        self.batch = batch
        super().__init__(
            _(
                "This page already gave its license keys once, as batch %(batch)s, and nothing clear of them is kept. No key "
                "was issued now. If the file is lost, revoke what is unredeemed of that batch and issue a new one."
            )
            % {"batch": batch}
        )


class KeyNotRevoked(Refused):
    """A key that can't be revoked."""

    code = "not revoked"
    field = "reason"


class CorrectionRefused(Refused):
    """A correction of a wallet that can't be made (R23)."""

    code = "correction"


class UndoRefused(Refused):
    """A redemption that can't be undone (R33)."""

    code = "undo"


class UndoIsOff(UndoRefused):
    """Staff switched undoing off."""

    code = "undo off"

    def __init__(self) -> None:
        super().__init__(_("Redemptions can't be undone in this portal. Nothing was changed. Ask the vendor for help."))


class UndoTooLate(UndoRefused):
    """The days in which the redemption could be undone are over."""

    code = "undo too late"

    def __init__(self, *, last_on: date) -> None:
        super().__init__(
            _("This redemption could be undone until %(date)s. Nothing was changed; its licenses stay in the wallet.")
            % {"date": say_day(last_on)}
        )


class UndoElsewhere(UndoRefused):
    """The key was redeemed in another instance of the portal, and nobody could redeem it here."""

    code = "undo elsewhere"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This license key was redeemed before the organization was brought into this portal, and could not be redeemed "
                "again here. Nothing was changed. Ask the vendor for help."
            )
        )


class UndoNotWhole(UndoRefused):
    """Some of the redemption's licenses are not in the wallet any more."""

    code = "undo not whole"

    def __init__(self, *, gone: int) -> None:
        self.gone = gone
        super().__init__(
            ngettext(
                "%(gone)s license of this key is no longer in the wallet, so its redemption can't be undone. Nothing was "
                "changed. What is allocated to a coming year can be released first.",
                "%(gone)s licenses of this key are no longer in the wallet, so its redemption can't be undone. Nothing was "
                "changed. What is allocated to a coming year can be released first.",
                gone,
            )
            % {"gone": grouped(gone)}
        )
