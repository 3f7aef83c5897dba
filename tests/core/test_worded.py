"""Sentences that are kept are read in the language of whoever reads; names in them disturb no direction."""

import ast
import json
import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import translation

from licensemgr.core import clock
from licensemgr.core.enumerations import counted_up
from licensemgr.core.errors import Refused, TooManyCalls
from licensemgr.core.moments import say_day
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import SentenceField, Worded, gettext, ngettext, texts_so_far
from licensemgr.shop.models import WebhookEndpoint
from tests.factories import UserFactory

FIRST, POP = "\u2068", "\u2069"


def kept(sentence: str) -> str:
    """What the database holds of a sentence."""
    return str(SentenceField().get_prep_value(sentence))


def read(stored: str, language: str) -> str | None:
    with translation.override(language):
        return SentenceField().from_db_value(stored, None, connection)


def test_a_refusal_is_worded_for_each_reader() -> None:
    with translation.override("sv"):
        stored = kept(TooManyCalls(60 * 12345).sentence)
    assert "12 345 minut" in str(read(stored, "sv")).replace("\xa0", " ")
    assert str(read(stored, "en")).endswith("Try again in 12,345 minutes.")
    assert str(read(stored, "de")).endswith("in 12.345 Minuten erneut.")
    # Read and kept once more, it is still the same.
    assert kept(read(stored, "ja") or "") == stored


def test_whatever_stands_in_a_sentence_is_worded_anew() -> None:
    inner = counted_up(f"{name}: 1" for name in ("Gate", "Pier"))
    outer = gettext(
        "Unit %(serial)s was retired or replaced on %(on)s. Nothing was changed. Choose a unit that is still in use."
    ) % {
        "serial": inner,
        "on": say_day(date(2027, 3, 1)),
    }
    assert outer == (
        "Unit Gate: 1, Pier: 1 was retired or replaced on March 1, 2027. Nothing was changed. Choose a unit that is still in use."
    )
    german = read(kept(outer), "de")
    assert german is not None and "1. März 2027" in german
    assert "Gate: 1、Pier: 1" in str(read(kept(outer), "ja"))
    many = ngettext("%(n)s device", "%(n)s devices", 2000) % {"n": grouped(2000)}
    assert (str(many), read(kept(many), "sv")) == ("2,000 devices", "2\xa0000 enheter")


def test_any_other_text_stays_as_it_is() -> None:
    for text in ("Connection refused 100%", '{"text": "x"}', "文字"):
        assert read(kept(text), "sv") == text
        assert json.loads(kept(text)) == text
    assert kept("") == "" and read("", "sv") == ""


def test_an_exception_keeps_what_it_is_given() -> None:
    assert isinstance(Refused(gettext("The file")).sentence, Worded)


@pytest.mark.parametrize(
    ("language", "name", "shown"),
    [
        ("en", "Gate", "Gate"),
        ("en", "بوابة", f"{FIRST}بوابة{POP}"),
        ("ar", "Gate (north) 2", f"{FIRST}Gate (north) 2{POP}"),
    ],
)
def test_a_name_in_a_sentence_is_isolated_where_it_could_disturb(language: str, name: str, shown: str) -> None:
    with translation.override(language):
        made = gettext("System %(before)s is called %(system)s now.") % {"before": name, "system": grouped(1)}
    assert shown in made and made.count(FIRST) == shown.count(FIRST)
    # Whoever reads it in another language has the marks that are needed there.
    assert read(kept(made), "en") == f"System {name if name.isascii() else shown} is called 1 now."
    assert f"{FIRST}{name}{POP}" in str(read(kept(made), "ar"))


def test_names_that_are_counted_up_are_isolated_one_by_one() -> None:
    with translation.override("ar"):
        assert counted_up(["Gate 1", "Pier"]) == f"{FIRST}Gate 1{POP}، {FIRST}Pier{POP}"
    assert counted_up(["Gate 1", "Pier"]) == "Gate 1, Pier"


def test_nothing_else_puts_values_into_a_translated_text() -> None:
    """Django's own gettext forgets what a sentence was made of, and isolates no name: it is not to be formatted."""
    wrong = []
    for path in sorted(Path(settings.BASE_DIR).glob("[!.]*/**/*.py")):
        name = str(path.relative_to(settings.BASE_DIR))
        if name.startswith(("tests/", "docs/")) or name == "licensemgr/core/worded.py":
            continue
        source = path.read_text(encoding="utf-8")
        if not re.search(r"^from django.utils.translation import .*gettext\b", source, re.MULTILINE):
            continue
        tree = ast.parse(source)
        eager = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for alias in node.names
            if alias.name in ("gettext", "ngettext", "pgettext", "npgettext")
        }
        if eager and any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) for node in ast.walk(tree)):
            wrong.append(name)
    assert not wrong


@pytest.mark.django_db
def test_what_was_written_before_stays_readable() -> None:
    """The migration leaves an old sentence as it was worded, and what is empty empty."""
    old = 'Es antwortete "410" – zu 100 %.'
    for number, text in enumerate((old, "")):
        made = WebhookEndpoint.objects.create(
            name=f"Shop {number}",
            url="https://shop.example",
            kinds=[],
            made_at=clock.real_now(),
            made_by=UserFactory.create(),
            form_token=uuid4(),
        )
        with connection.cursor() as cursor:
            cursor.execute("UPDATE shop_webhookendpoint SET off_because = %s WHERE id = %s", [text, made.pk])
    operation: Any = texts_so_far("shop", "WebhookEndpoint", "off_because")
    operation.code(apps, SimpleNamespace(connection=connection))
    assert list(WebhookEndpoint.objects.order_by("pk").values_list("off_because", flat=True)) == [old, ""]
