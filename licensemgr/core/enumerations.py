"""Several things in a row, as the reader's language puts them."""

from collections.abc import Iterable

from babel.lists import format_list
from django.utils.translation import get_language

from licensemgr.core.worded import isolated_name, reworded

# What stands between things that are only counted up; elsewhere a comma and a blank.
_BETWEEN = {"ar": "، ", "ja": "、"}
# English is written as it is in Europe, without a comma before "and".
_BABEL_NAMES = {"en": "en_GB"}


@reworded
def counted_up(things: Iterable[object]) -> str:
    """“8 Core device, 2 Universal device”: for facts in brackets and after a colon; empty where there is nothing."""
    return _BETWEEN.get(_language(), ", ").join(str(isolated_name(thing)) for thing in things)


@reworded
def all_of(things: Iterable[object]) -> str:
    """“Berlin, Paris and Rome”: for names within a sentence; empty where there is nothing."""
    return format_list(
        [str(isolated_name(thing)) for thing in things], locale=_BABEL_NAMES.get(_language(), _language())
    )


@reworded
def in_a_row(sentences: Iterable[str]) -> str:
    """Whole sentences, one after the other, as the language parts them."""
    return ("" if _language() == "ja" else " ").join(sentences)


def _language() -> str:
    return (get_language() or "en").partition("-")[0]
