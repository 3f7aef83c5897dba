"""What products and systems refuse, each with the sentence that the person reads."""

from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _


class SystemRefused(Refused):
    """A report or a registration that can't be accepted (R5)."""

    code = "system"
    field: str | None = "system_id"


class SystemIdTaken(SystemRefused):
    """The system id belongs to another organization; the answer tells nothing of it (R5)."""

    code = "system id"

    def __init__(self) -> None:
        super().__init__(
            _("This system id can't be registered here. Nothing was changed. Check the id in the software itself.")
        )


class SystemOfAnotherProduct(SystemRefused):
    """Within one organization a system belongs to one product (R5)."""

    code = "system of another product"

    def __init__(self, *, product: str) -> None:
        super().__init__(
            _("This system id is already registered here as a system of %(product)s. Nothing was changed.")
            % {"product": product}
        )


class SystemReportsItself(SystemRefused):
    """Devices of a system that reports itself are not edited by hand."""

    code = "reports itself"
    field = None

    def __init__(self) -> None:
        super().__init__(
            _("This system reports its devices itself, so they can't be edited by hand any more. Nothing was changed.")
        )


class SystemGone(SystemRefused):
    """The system was removed already."""

    code = "removed"
    field = None

    def __init__(self) -> None:
        super().__init__(_("This system was removed already. Nothing was changed."))


class UnknownLicenseType(SystemRefused):
    """A device type that the product does not have."""

    code = "license type"
    field = None

    def __init__(self, *, code: str, product: str) -> None:
        super().__init__(
            _("%(product)s has no license type “%(code)s”. Nothing was changed.") % {"product": product, "code": code}
        )


class QuantityOutOfRange(SystemRefused):
    """A number of devices below zero or beyond what can be counted."""

    code = "quantity"
    field = None

    def __init__(self, *, maximum: int) -> None:
        super().__init__(
            _("A number of devices has to be from 0 to %(maximum)s. Nothing was changed.")
            % {"maximum": grouped(maximum)}
        )


class ImportUnreadable(Refused):
    """A file of resellers that can't be read as a whole; ``sentence`` says what is wrong with it."""

    code = "import file"
    field = "file"


class ImportChanged(Refused):
    """What an import would do is no longer what its report showed."""

    code = "import changed"

    def __init__(self) -> None:
        super().__init__(
            _(
                "Resellers were changed since this report was made. Nothing was imported. Here is the report as it is "
                "now; confirm it if it is right."
            )
        )


class ProductInUse(Refused):
    """A product of the catalogue that something refers to."""

    code = "product in use"


class LicenseTypeInUse(Refused):
    """A license type that something refers to keeps its meaning (R12)."""

    code = "license type in use"


class SystemNameRefused(Refused):
    """A name that a system can't have."""

    code = "name"
    field = "name"

    def __init__(self) -> None:
        super().__init__(_("A system needs a name of at most 120 characters. Nothing was changed; enter one."))


class DeviceListRefused(Refused):
    """A list of devices that is no list of this system's devices (R28)."""

    code = "device list"
