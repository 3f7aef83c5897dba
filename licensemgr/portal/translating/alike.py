"""Which texts are rightly the same in a language as in English: proper names, symbols, words that both have.

Each language lists its own in ``locale/<language>/alike.txt``, ``locale/alike.txt`` those of all; a line for each text, and a
line that begins with # says why.
"""

import re
from pathlib import Path

from django.conf import settings

from licensemgr.portal.translating.checking import PLACEHOLDER

_NO_WORDS = re.compile(r"<[^<>]*>|&#?\w+;|[\W\d_]")


def path_of(language: str = "") -> Path:
    """The list of a language, or the one of all."""
    return Path(settings.BASE_DIR) / "locale" / language / "alike.txt"


def read_list(language: str = "") -> set[str]:
    """The texts of a list; none where there is no list."""
    path = path_of(language)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {line for line in lines if line and not line.startswith("#")}


def has_words(text: str) -> bool:
    """Whether anything of the text can be translated: not in "%(first)s – %(last)s"."""
    return bool(_NO_WORDS.sub("", PLACEHOLDER.sub("", text)))


def may_be_alike(text: str, language: str) -> bool:
    """Whether a translation may be the same as the English text."""
    return not has_words(text) or text in read_list() or text in read_list(language)


def allow(texts: set[str], language: str) -> None:
    """Write texts into the list of a language, which stays sorted below its comment."""
    path = path_of(language)
    comment = (
        [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        if path.exists()
        else []
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*comment, *sorted(read_list(language) | texts)]) + "\n", encoding="utf-8")
