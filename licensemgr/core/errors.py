"""The base of every refusal that a person reads."""

from django.utils.functional import Promise

from licensemgr.core import metrics
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext


class Refused(Exception):
    """A change that a rule refuses: nothing was changed.

    ``sentence`` is what the person reads: what happened, what was not changed, what to do now. ``code`` is the
    stable name of the refusal for commands and tests. ``field`` is the form field at which it is shown, if any.
    """

    code = "refused"
    field: str | None = None
    status = 422

    def __init__(self, sentence: str | Promise) -> None:
        # A sentence that can be worded anew stays one.
        self.sentence = str(sentence)
        super().__init__(self.sentence)
        metrics.REFUSED.labels(self.code).inc()


class TooManyCalls(Refused):
    """More calls of the API within an hour than whoever makes them may make."""

    code = "too many calls"
    status = 429

    def __init__(self, seconds: int) -> None:
        # After how many seconds another call is possible.
        self.seconds = seconds
        super().__init__(
            ngettext(
                "Too many calls within an hour. Nothing was changed. Try again in %(minutes)s minute.",
                "Too many calls within an hour. Nothing was changed. Try again in %(minutes)s minutes.",
                max(1, -(-seconds // 60)),
            )
            % {"minutes": grouped(max(1, -(-seconds // 60)))}
        )


class Busy(Refused):
    """The database did not take something in time: too many wait for it, or it is away."""

    code = "busy"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            _("The portal is busy. Send the very same request again in a few seconds; what was done is not done twice.")
        )
