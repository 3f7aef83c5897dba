"""What an expansion of a hardware unit refuses (R26), each with the sentence that the person reads."""

from collections.abc import Mapping, Sequence

from licensemgr.core.enumerations import counted_up
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from subscriptions.errors import ConfirmationForged, ConfirmationUsed
from wallet.errors import NotEnoughLicenses


class NothingToExpand(Refused):
    """An expansion without any license (R21, R26)."""

    code = "empty"

    def __init__(self) -> None:
        super().__init__(
            _("No number of licenses was entered. Nothing was allocated. Enter how many the unit is to get.")
        )


class ExpansionNotUnderstood(Refused):
    """A license type that the product does not have, or a number below zero."""

    code = "empty"

    def __init__(self) -> None:
        super().__init__(
            _(
                "A license type or quantity was entered that this product does not have. Nothing was allocated. Load the page "
                "of the hardware unit again and enter the quantities there."
            )
        )


class TooFewToExpand(NotEnoughLicenses):
    """The wallet holds fewer tied licenses than are wanted (R17, R26). ``short`` is by the names of license types."""

    def __init__(self, short: Mapping[str, int]) -> None:
        self.short = dict(short)
        total = sum(self.short.values())
        Refused.__init__(
            self,
            ngettext(
                "The Product wallet holds %(total)s license tied to hardware too few (%(listed)s). Nothing was allocated. "
                "Enter fewer, or redeem an expansion license key first.",
                "The Product wallet holds %(total)s licenses tied to hardware too few (%(listed)s). Nothing was allocated. "
                "Enter fewer, or redeem an expansion license key first.",
                total,
            )
            % {
                "total": grouped(total),
                "listed": counted_up(f"{name}: {grouped(quantity)}" for name, quantity in self.short.items()),
            },
        )


class ExpansionChanged(Refused):
    """What would be shown now differs from what was confirmed (R20)."""

    code = "changed"
    status = 409

    def __init__(self, changes: Sequence[str]) -> None:
        self.changes = changes
        super().__init__(
            " ".join(
                [
                    _("Something changed since this page was made, so nothing was allocated."),
                    *changes,
                    _("Look at the new amounts and confirm again."),
                ]
            )
        )


class ExpansionUsed(ConfirmationUsed):
    """The same confirmation was sent with other content (R18)."""

    def __init__(self) -> None:
        Refused.__init__(
            self,
            _(
                "This confirmation was used before for something else. Nothing was allocated now. Start again from the page "
                "of the hardware unit."
            ),
        )


class ExpansionForged(ConfirmationForged):
    """The confirmation does not come from the page of this unit."""

    def __init__(self) -> None:
        Refused.__init__(
            self,
            _(
                "This confirmation can't be read. Nothing was allocated. Start again from the page of the hardware unit."
            ),
        )
