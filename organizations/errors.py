"""What organizations refuse."""

from datetime import date

from django.utils import formats
from django.utils.translation import gettext as _

from licensemgr.core.errors import Refused


class DateGoesBack(Refused):
    """A change dated before the last day settled (R1)."""

    code = "date"

    def __init__(self, settled_through: date) -> None:
        super().__init__(
            _("The books are settled up to %(date)s, and nothing can be dated before. Nothing was changed.")
            % {"date": formats.date_format(settled_through, "DATE_FORMAT")}
        )


class SupportViewRefused(Refused):
    """A support view that can't be opened (R30)."""

    code = "support view"
    field = "reason"
