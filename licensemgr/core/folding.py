"""Text as it is searched: without case, accents and punctuation."""

import re
import unicodedata

_NO_WORD = re.compile(r"[\W_]+")
# Accents and other marks that stand after the letter to which they belong; there are none outside of this range.
_ACCENTS = dict.fromkeys(code for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
# Letters that Unicode does not take apart into a letter and an accent.
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d", "ħ": "h"}
)


def fold(text: str) -> str:
    """Lower-case letters and digits of ``text`` without accents, its words parted by single spaces.

    “Łódź”, “LODZ” and “lodz” are the same; so are “Saint-Denis” and “saint denis”. Other scripts stay as they are.
    """
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_LETTERS)).translate(_ACCENTS)
    return _NO_WORD.sub(" ", text).strip()
