"""Finds every text for people in the portal's code and templates."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.extract import extract
from django.conf import settings
from django.utils.translation.template import templatize

# Where texts for people stand. Tests, documents and tools have none.
CODE = ("licensemgr", "organizations", "products", "wallet", "subscriptions", "hardware", "history")
TEMPLATES = ("templates",)
_SUFFIXES_OF_TEMPLATES = frozenset({".html", ".txt", ".svg"})

_PLURAL = (1, 2)
_IN_CONTEXT = ((1, "c"), 2)
_PLURAL_IN_CONTEXT = ((1, "c"), 2, 3)
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": _PLURAL,
    "ngettext_lazy": _PLURAL,
    "pgettext": _IN_CONTEXT,
    "pgettext_lazy": _IN_CONTEXT,
    "npgettext": _PLURAL_IN_CONTEXT,
    "npgettext_lazy": _PLURAL_IN_CONTEXT,
}
# What a comment begins with that is meant for translators.
_COMMENT_TAG = "Translators"


@dataclass(frozen=True)
class Found:
    """A text where it stands. ``plural`` is empty where it has none, ``context`` where nothing tells it from others."""

    text: str
    plural: str
    context: str
    comments: tuple[str, ...]
    path: str
    line: int

    @property
    def key(self) -> tuple[str, str]:
        """What tells the texts of a catalogue apart."""
        return self.context, self.text


def find_all(base: Path | None = None) -> list[Found]:
    """Every text of the portal, by file and line; the same text may be found in many places."""
    base = base or settings.BASE_DIR
    found: list[Found] = []
    for folder in CODE:
        for path in sorted((base / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                found += find_in_code(path.read_text(encoding="utf-8"), str(path.relative_to(base)))
    for folder in TEMPLATES:
        for path in sorted((base / folder).rglob("*")):
            if path.suffix in _SUFFIXES_OF_TEMPLATES:
                found += find_in_template(path.read_text(encoding="utf-8"), str(path.relative_to(base)))
    return found


def find_in_code(source: str, path: str) -> Iterator[Found]:
    """The texts of a Python file."""
    for line, texts, comments, context in extract(
        "python", io.BytesIO(source.encode()), KEYWORDS, [_COMMENT_TAG], {"encoding": "utf-8"}
    ):
        text, plural = (texts[0], texts[1]) if isinstance(texts, tuple) else (texts, "")
        yield Found(str(text), str(plural or ""), context or "", tuple(comments), path, line)


def find_in_template(source: str, path: str) -> Iterator[Found]:
    """The texts of a Django template.

    Django turns the template into calls of gettext amid noise. The noise is indented as the template was, which is no Python:
    so each line begins at its margin.
    """
    calls = templatize(source, origin=path)
    yield from find_in_code("\n".join(line.lstrip() for line in calls.splitlines()), path)
