"""The base of every refusal that a person reads."""

from django.utils.functional import Promise


class Refused(Exception):
    """A change that a rule refuses: nothing was changed.

    ``sentence`` is what the person reads: what happened, what was not changed, what to do now. ``code`` is the
    stable name of the refusal for commands and tests. ``field`` is the form field at which it is shown, if any.
    """

    code = "refused"
    field: str | None = None
    status = 422

    def __init__(self, sentence: str | Promise) -> None:
        self.sentence = str(sentence)
        super().__init__(self.sentence)
