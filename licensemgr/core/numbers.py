"""Numbers as the reader's language writes them: the one door for those that sentences hold.

Templates write theirs by themselves (`USE_THOUSAND_SEPARATOR`). What programs read (attributes, files, calls, addresses) and what
names something (a line, a sequence number, a year) is written plainly.
"""

import re
import unicodedata

from django.utils import formats

from licensemgr.core.worded import reworded


@reworded
def grouped(quantity: int) -> str:
    """“12,345” in English, “12.345” in German: a quantity for a sentence, with the language's separators of thousands."""
    return formats.number_format(quantity, 0, use_l10n=True, force_grouping=True)


def plain_digits(typed: str) -> str:
    """What somebody typed, its decimal digits written 0 to 9: “１２”, as Japanese keyboards write it, and “١٢” are “12”.

    Digits of two scripts in one number are no number that anybody meant: such a text comes back as it was typed.
    """
    values = {letter: unicodedata.decimal(letter) for letter in typed if unicodedata.decimal(letter, None) is not None}
    zeros = {ord(letter) - value for letter, value in values.items()}
    return "".join(str(values.get(letter, letter)) for letter in typed) if len(zeros) == 1 else typed


def without_grouping(typed: str) -> str:
    """What somebody typed, without the marks between its groups of three digits: “12 345” and, in English, “12,345” are “12345”.

    Digits of another script count by their value (`plain_digits`). A mark is a blank or the one of the reader's language, the
    same everywhere, and each parts exactly three digits: “1 0”, “1.5” or another language's “12.345” is never taken for
    another number and comes back as it was typed.
    """
    text = plain_digits(typed.strip())
    mark = re.escape(str(formats.get_format("THOUSAND_SEPARATOR", use_l10n=True)))
    grouped_digits = rf"[0-9]{{1,3}}(\s|{mark})[0-9]{{3}}(?:\1[0-9]{{3}})*"
    return "".join(re.findall("[0-9]", text)) if re.fullmatch(grouped_digits, text) else text
