"""What hardware refuses, each with the sentence that the person reads."""

from collections.abc import Mapping, Sequence
from datetime import date

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from licensemgr.core.errors import Refused
from subscriptions.errors import ConfirmationForged, ConfirmationUsed
from wallet.errors import NotEnoughLicenses


class UnitRefused(Refused):
    """A unit that can't be registered."""

    code = "unit"
    field: str | None = "owner_authentication_key"


class UnitUnknown(UnitRefused):
    """A wrong pair, an unknown serial number, or a unit that another organization registered: one and the same answer (R24)."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This serial number and owner authentication key don't go together, or the unit is not free. Nothing was "
                "changed. Compare both with the label or the delivery papers, or ask the reseller who sold it."
            )
        )


class UnitRegisteredHere(UnitRefused):
    """This organization itself registered the unit before; told only to who has its owner authentication key (R24)."""

    def __init__(self, *, on: date) -> None:
        super().__init__(
            _("Your organization already registered this unit on %(on)s. Nothing was changed.")
            % {"on": formats.date_format(on, "DATE_FORMAT")}
        )


class TooManyUnitTries(UnitRefused):
    """Too many pairs of serial number and owner authentication key were tried that don't go together."""

    code = "tries"
    status = 429
    field = None

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        super().__init__(
            ngettext(
                "Too many wrong pairs of serial number and owner authentication key were tried. Nothing was changed. Try "
                "again in %(minutes)d minute.",
                "Too many wrong pairs of serial number and owner authentication key were tried. Nothing was changed. Try "
                "again in %(minutes)d minutes.",
                minutes,
            )
            % {"minutes": minutes}
        )


class UnitEnded(Refused):
    """The unit was retired or replaced: its life is over (R27)."""

    code = "retired"

    def __init__(self, *, serial: str, on: date) -> None:
        super().__init__(
            _("Unit %(serial)s was retired or replaced on %(on)s. Nothing was changed.")
            % {"serial": serial, "on": formats.date_format(on, "DATE_FORMAT")}
        )


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
            _("A license type or quantity was entered that this product does not have. Nothing was allocated.")
        )


class TooFewToExpand(NotEnoughLicenses):
    """The wallet holds fewer tied licenses than are wanted (R17, R26). ``short`` is by the names of license types."""

    def __init__(self, short: Mapping[str, int]) -> None:
        self.short = dict(short)
        total = sum(self.short.values())
        Refused.__init__(
            self,
            ngettext(
                "The Product wallet holds %(total)d license tied to hardware too few (%(listed)s). Nothing was allocated. "
                "Enter fewer, or redeem an expansion license key first.",
                "The Product wallet holds %(total)d licenses tied to hardware too few (%(listed)s). Nothing was allocated. "
                "Enter fewer, or redeem an expansion license key first.",
                total,
            )
            % {"total": total, "listed": ", ".join(f"{name}: {quantity}" for name, quantity in self.short.items())},
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


class SerialNotRepeated(Refused):
    """The serial number that was typed is not that of the unit that is to be retired (R27)."""

    code = "serial"
    field = "serial"

    def __init__(self, *, serial: str) -> None:
        super().__init__(
            _(
                "This is not the serial number of this unit, %(serial)s. Nothing was changed; type it as it stands there."
            )
            % {"serial": serial}
        )


class ReplacementRefused(Refused):
    """A unit that can't take the place of another (R27)."""

    code = "replace"


class SystemNotMoved(Refused):
    """A system that can't be moved onto a unit."""

    code = "move"


class UnitFileRefused(Refused):
    """A file of units that were made from which nothing can be taken in."""

    code = "unit_file"
    field = "file"


class HardwareModelInUse(Refused):
    """A model of which units are registered keeps its product and code."""

    code = "model_in_use"

    def __init__(self, *, hardware_model: object) -> None:
        super().__init__(
            _(
                "Units of %(model)s are registered, so its product and code stay. Nothing was changed. Add another model instead."
            )
            % {"model": hardware_model}
        )
