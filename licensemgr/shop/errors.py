"""What the vendor's shop and its tokens are refused, each with the sentence that whoever asked reads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _

if TYPE_CHECKING:
    from licensemgr.shop.orders import ToldKey


class TokenNotMade(Refused):
    """A token that can't be made as it was asked for."""

    code = "shop token"


class TokenGivenBefore(Refused):
    """The same form made its token before, and showed it then."""

    code = "shop token given"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _(
                "This form made its token before, and a token is shown only once. Nothing was changed. If nobody noted it, "
                "revoke it in the list and make a new one."
            )
        )


class ScopeMissing(Refused):
    """A token that is in force and may not do what was asked."""

    code = "scope missing"
    status = 403

    def __init__(self, scope: str) -> None:
        super().__init__(
            _(
                "The token may not do this: it has not the scope “%(scope)s”. Nothing was changed. Ask the staff of the portal "
                "for a token that has it."
            )
            % {"scope": scope}
        )


class OrderNotUnderstood(Refused):
    """Keys that can't be issued as the shop asks for them."""

    code = "order not understood"


class OrderUnknown(Refused):
    """An order, or a line of one, for which no keys were issued by the API."""

    code = "order unknown"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            _(
                "No license keys were issued by the API for this order and line. Nothing was changed. Compare both with what "
                "was sent when the keys were issued."
            )
        )


class OrderTooLarge(Refused):
    """More keys than one answer, or one line, holds."""

    code = "order too large"


class OfKeys(Refused):
    """A refusal that names keys, each with its state."""

    status = 409

    def __init__(self, sentence: str, keys: "Sequence[ToldKey]") -> None:
        self.keys = keys
        super().__init__(sentence)


class LineIssued(OfKeys):
    """The keys of an order line were issued before; nothing clear of them is kept."""

    code = "order line issued"

    def __init__(self, keys: "Sequence[ToldKey]") -> None:
        super().__init__(
            _(
                "The license keys of this order line were issued before, and nothing clear of them is kept. No key was issued "
                "now. See “keys” for their states; if they were lost, replace those that nobody redeemed."
            ),
            keys,
        )


class NothingToReplace(OfKeys):
    """No key of the line can be redeemed any more, so there is none to replace."""

    code = "nothing to replace"

    def __init__(self, keys: "Sequence[ToldKey]") -> None:
        super().__init__(
            _(
                "No license key of this order line is free: each was redeemed or revoked, or its last day to redeem is over. "
                "Nothing was changed. See “keys” for their states."
            ),
            keys,
        )


class LineReplaced(OfKeys):
    """The line has a later batch than the one that was to be replaced: the same replacement was sent before, or another one."""

    code = "order line replaced"

    def __init__(self, keys: "Sequence[ToldKey]") -> None:
        super().__init__(
            _(
                "The keys of this order line were replaced meanwhile, so they are others than you know. Nothing was changed now. "
                "See “keys” for their states; to replace the latest ones, name their batch."
            ),
            keys,
        )


class KeysNotRevoked(OfKeys):
    """Keys that can't be revoked, as they were redeemed or revoked before, or are none of this line."""

    code = "keys not revoked"
