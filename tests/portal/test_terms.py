"""Each term of licensing has its sentence and example, stands on a page, and is told in the organization's own numbers."""

import html
import re
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from licensemgr.portal.terms import TERMS
from organizations.models import Organization
from tests.conftest import FrozenClock
from tests.factories import Books

START = date(2027, 3, 1)


def _used() -> set[str]:
    """The terms that templates name."""
    folder = Path(settings.BASE_DIR) / "templates"
    return {
        code
        for template in folder.rglob("*.html")
        for tag in re.findall(r"{% term(?:s_line)? ([^%]*)%}", template.read_text(encoding="utf-8"))
        for code in re.findall(r'"([a-z-]+)"', tag)
    }


def test_each_term_has_a_sentence_and_an_example_and_is_used() -> None:
    for code, term in TERMS.items():
        for text in (term.sentence, term.example):
            assert re.fullmatch(r"[A-Z0-9][^.]*\.", str(text).replace("e.g.", "")), (code, str(text))
    assert set(TERMS) == _used()


@pytest.fixture
def site(books: Books, frozen_clock: FrozenClock) -> Books:
    """Grown, with credit days and lots, and a unit that lacks licenses."""
    books.report(START, core=10, universal=4)
    books.start(START)
    books.redeem(START, core=20, universal=10)
    day = date(2027, 9, 1)
    frozen_clock.move_to(day)
    books.allocate(day, {"core": 10, "universal": 4})
    books.report(day, core=16, universal=4)
    books.unit(day, "SN-1", core=2)
    books.report(day, system="Box", unit="SN-1", core=5)
    return books


def test_the_terms_are_told_in_own_numbers(site: Books, viewer_client: Client, organization: Organization) -> None:
    text = html.unescape(viewer_client.get(reverse("terms", args=[organization.slug])).content.decode())
    for said in (
        "Camera Station has used 6 of 14.",
        "Yours of Camera Station ended on March 31, 2027.",
        "Your next one begins on March 1, 2028 and ends on March 31, 2028.",
        "Yours now runs from March 1, 2027 to Feb. 29, 2028.",
        "14 licenses are allocated to the current year of Camera Station.",
        "Unit SN-1 lacks 3.",
        "You have 1 unit of Camera Station.",
        "would give back 183 days.",
    ):
        assert said in text, said
    for term in TERMS.values():
        assert f"<dt>{term.name}</dt>" in text


def test_without_numbers_there_is_a_general_example(viewer_client: Client, organization: Organization) -> None:
    text = viewer_client.get(reverse("terms", args=[organization.slug])).content.decode()
    for term in TERMS.values():
        assert str(term.example) in html.unescape(text)


def test_pages_tell_a_term_of_their_product_where_it_stands(
    site: Books, viewer_client: Client, organization: Organization
) -> None:
    for name in ("product_overview", "product_licensing", "product_wallet", "system_setup"):
        text = viewer_client.get(reverse(name, args=[organization.slug, "camera-station"])).content.decode()
        ids = re.findall(r'id="(term-[a-z-]+)"', text)
        assert ids and len(ids) == len(set(ids)), name
        assert set(ids) == set(re.findall(r'popovertarget="(term-[a-z-]+)"', text))
        if name == "product_overview":
            assert "Camera Station has used 6 of 14." in text
