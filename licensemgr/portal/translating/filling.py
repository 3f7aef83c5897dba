"""Lists of what is to be translated, and what comes back: JSON, a line for each text."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from babel.messages.catalog import Catalog, Message

from licensemgr.portal.translating import alike, catalogues
from licensemgr.portal.translating.catalogues import english, messages_of
from licensemgr.portal.translating.checking import faults
from licensemgr.portal.translating.extracting import Found


@dataclass(frozen=True)
class Refusal:
    """A line that was not taken, and why."""

    id: str
    text: str
    why: str


def to_do(catalogue: Catalog, found: Iterable[Found]) -> Iterator[dict[str, Any]]:
    """What is not translated yet, by the files in which it stands, so that what belongs together comes together."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in found:
        places[each.key].append(f"{each.path}:{each.line}")
    open_ones = [each for each in messages_of(catalogue) if not catalogues.is_translated(each)]
    for message in sorted(open_ones, key=lambda each: places[_key(each)]):
        line: dict[str, Any] = {"id": catalogues.message_id(message), "msgid": english(message)[0]}
        if message.pluralizable:
            line["plural"] = english(message)[1]
            line["forms"] = catalogue.num_plurals
        if message.context:
            line["context"] = message.context
        if message.auto_comments:
            line["comment"] = " ".join(message.auto_comments)
        yield line | {"where": ", ".join(places[_key(message)][:3])}


def fill(catalogue: Catalog, lines: Iterable[str], language: str) -> tuple[int, list[Refusal]]:
    """Write the translations of the lines into the catalogue; returns how many were taken, and which were not.

    A line is ``{"id": …, "text": …}``, or ``{"id": …, "texts": […]}`` with every plural form. A text that is rightly the same as
    the English one says so by ``"same": true``.
    """
    known = {catalogues.message_id(message): message for message in messages_of(catalogue)}
    taken, refused, same = 0, list[Refusal](), set[str]()
    for line in filter(str.strip, lines):
        given = _parsed(line)
        message = known.get(str(given.get("id")))
        texts = _texts(given)
        why = (
            "No text of the portal has this id."
            if message is None
            else _why_not(message, texts, catalogue, language, given)
        )
        if message is None or why:
            refused.append(Refusal(str(given.get("id")), line.strip()[:200], why))
            continue
        message.string = texts if message.pluralizable else texts[0]
        taken += 1
        if given.get("same") is True:
            same |= set(texts) & set(english(message))
    if same:
        alike.allow(same, language)
    return taken, refused


def _key(message: Message) -> tuple[str, str]:
    return message.context or "", english(message)[0]


def _parsed(line: str) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _texts(given: dict[str, Any]) -> tuple[str, ...]:
    texts = given.get("texts", [given.get("text")])
    return tuple(texts) if isinstance(texts, list) and all(isinstance(each, str) for each in texts) else ()


def _why_not(message: Message, texts: tuple[str, ...], catalogue: Catalog, language: str, given: dict[str, Any]) -> str:
    """Why a translation is not taken; empty where it is."""
    wanted = catalogue.num_plurals if message.pluralizable else 1
    if len(texts) != wanted or not all(texts):
        return f"It takes {wanted} text{'s' if wanted > 1 else ''}."
    wrong = faults(english(message), texts, language)
    if any(is_copied(message, text, language) for text in texts) and given.get("same") is not True:
        wrong.append('It is the English text; where that is right, say "same": true.')
    return " ".join(wrong)


def is_copied(message: Message, text: str, language: str) -> bool:
    """Whether a translation is the English text, though nobody said that this is right."""
    return text in english(message) and not alike.may_be_alike(text, language)
