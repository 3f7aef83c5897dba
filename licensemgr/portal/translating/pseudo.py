"""A language that nobody speaks: English with accents, brackets around each text, and 40 % longer.

Whatever is shown without brackets is not translated, and what does not fit now won't fit in German. For looking at in the
demonstration, and for tests.
"""

import re
from pathlib import Path

from babel.messages.catalog import Catalog

from licensemgr.portal.translating import catalogues
from licensemgr.portal.translating.checking import PLACEHOLDER

LANGUAGE = "en-xa"
_LOCALE = "en_XA"
_KEPT = re.compile(rf"({PLACEHOLDER.pattern}|%%|</?[a-z][^<>]*>|&#?\w+;)")
_ACCENTED = str.maketrans(
    "aceginorstuyACEGINORSTUY",
    "àçéĝîñôŕšţûýÀÇÉĜÎÑÔŔŠŢÛÝ",
)
_LONGER_BY = 0.4


def pseudo(text: str) -> str:
    """The text as it reads in that language; blanks at its ends, placeholders and tags stay."""
    words = text.strip()
    if not words:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    parts = _KEPT.split(words)
    # Every second part is kept as it is.
    accented = "".join(part if index % 2 else part.translate(_ACCENTED) for index, part in enumerate(parts))
    more = round(len("".join(parts[::2])) * _LONGER_BY)
    return f"{before}[{accented}{_filling(more)}]{after}"


def _filling(length: int) -> str:
    """So many characters, in words of a common length."""
    return "".join(" " if index % 8 == 0 else "~" for index in range(length)).rstrip()


def write_pseudo(folder: Path) -> Path:
    """Compile the catalogue into a folder of ``settings.LOCALE_PATHS``; returns the file."""
    catalogue = catalogues.updated(Catalog("en"), catalogues.template())
    for message in catalogues.messages_of(catalogue):
        said = tuple(map(pseudo, catalogues.english(message)))
        message.string = said if message.pluralizable else said[0]
    path = folder / _LOCALE / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(catalogues.compiled(catalogue))
    return path
