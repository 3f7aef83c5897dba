"""Bodies of calls: JSON that every reader understands alike, and that is small."""

from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.signed import DocumentRefused, read_json
from licensemgr.core.worded import gettext as _

# A thousand ids of keys are a third of it.
MAXIMUM_BYTES = 64 * 1024


class BodyRefused(Refused):
    """A body that can't be read."""

    code = "bad request"
    status = 400


class BodyTooLarge(Refused):
    """A body that is larger than any that makes sense."""

    code = "too large"
    status = 413


class NotJson(Refused):
    """A body of another type than the API takes."""

    code = "content type"
    status = 415


class StrictParser(Parser):
    """Reads no more than what can't be understood in two ways."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The body's members. Raises BodyRefused, BodyTooLarge, NotJson."""
        if request.content_type != "application/json":
            raise NotJson(_("The body has to be of the type application/json. Nothing was changed."))
        if len(request.body) > MAXIMUM_BYTES:
            raise BodyTooLarge(
                _("The body is larger than %(limit)s KiB. Nothing was changed.")
                % {"limit": grouped(MAXIMUM_BYTES // 1024)}
            )
        try:
            return read_json(request.body, _("The body"))
        except DocumentRefused as error:
            raise BodyRefused(f"{error.sentence} {_('Nothing was changed.')}") from error
