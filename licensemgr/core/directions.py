"""Names within a sentence, where one of the two is read from the right."""

import unicodedata

from django.utils.translation import get_language_bidi

_RIGHT_TO_LEFT = {"R", "AL"}
# A part of a text whose direction is found out by itself, and that disturbs nothing around it (UAX 9).
_FIRST_STRONG, _POP = "\u2068", "\u2069"


def is_disturbed(name: str) -> bool:
    """Whether the name in a sentence of the active language could turn its order; a Latin name in a Latin sentence can't."""
    return get_language_bidi() or any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in name)


def isolate(name: str) -> str:
    """The name as a part of a plain sentence: between marks that nobody sees, where they are needed."""
    return f"{_FIRST_STRONG}{name}{_POP}" if name and is_disturbed(name) else name
