"""The countries of the world: their names in the reader's language, and a guess of which one a browser is in."""

from functools import cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from django.utils.translation import get_language
from django.utils.translation.trans_real import parse_accept_lang_header

from licensemgr.core.folding import fold

# What Babel names with two letters beside countries: unions, single islands of a country, tests, "unknown".
_NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
# Languages of so many countries that they say nothing about one.
_SPOKEN_EVERYWHERE = frozenset({"en"})


def countries() -> list[tuple[str, str]]:
    """Code (ISO 3166, two capitals) and name of each country, by name, in the active language."""
    return list(_countries(get_language() or "en"))


def country_name(code: str) -> str:
    """The country's name in the active language; a code that is no country's is its own name."""
    return _names(get_language() or "en").get(code, code)


def guess_country(accept_language: str) -> str:
    """The code of the country that a browser's Accept-Language makes likely, or "" where it says nothing.

    The most wanted language with a country counts ("sv-FI": Finland), or one that is mostly spoken in a single country
    ("sv": Sweden).
    """
    for tag, weight in parse_accept_lang_header(accept_language):
        language, *parts = tag.split("-")
        named = next((part.upper() for part in parts if part.upper() in _names("en")), "")
        if not named and not parts and language not in _SPOKEN_EVERYWHERE:
            named = get_global("likely_subtags").get(language, "").rpartition("_")[2]
        if weight > 0 and named in _names("en"):
            return named
    return ""


@cache
def _names(language: str) -> dict[str, str]:
    try:
        territories = Locale.parse(language, sep="-").territories
    except (UnknownLocaleError, ValueError):
        territories = Locale("en").territories
    return {
        code: name
        for code, name in territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    }


@cache
def _countries(language: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(_names(language).items(), key=lambda item: fold(item[1])))
