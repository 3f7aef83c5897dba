"""The gallery is whole: every page that a person can see is in it, and every state of it is what its name says."""

import html
import re
from pathlib import Path

import pytest
from django.conf import settings

from tests import proof
from tests.architecture.urls import walk
from tests.gallery import catalogue, catalogue_staff
from tests.gallery.stage import Stage
from tests.gallery.states import page_states

# Views that answer a form with the page of another name.
SHOWS_TOO = {
    "check_license_key": "product_wallet",
    "redeem_license_key": "product_wallet",
    "product_licensing": "confirm_allocation",
    "allocate_expansion": "confirm_expansion",
}
# In so many tests all states are reached.
PARTS = 12
pytestmark = pytest.mark.django_db(transaction=True)


def test_every_page_of_the_urlconf_is_in_a_state() -> None:
    """Who adds a page, adds its states."""
    pages = {
        route.name
        for route in walk()
        if route.name
        and route.name not in catalogue.NO_PAGES
        and not route.name.startswith("api:")
        and not (route.path.startswith("admin/") and catalogue_staff.is_no_page(route.name))
    }
    shown = {state.url_name for state in page_states()}
    assert not pages - shown, f"no state in tests/gallery/ shows {sorted(pages - shown)}"


def test_every_standing_page_is_in_a_state() -> None:
    standing = {path.stem for path in Path(settings.BASE_DIR, "templates").glob("[45]*.html")}
    assert standing <= {state.url_name for state in page_states()}


def test_what_is_no_page_exists_and_is_no_state() -> None:
    names = {route.name for route in walk()}
    no_pages = catalogue.NO_PAGES | catalogue_staff.NO_PAGES
    assert no_pages <= names
    assert not no_pages & {state.url_name for state in page_states()}


def test_the_proof_looks_in_every_language() -> None:
    assert [code for code, _name in proof.LANGUAGES] == [code for code, _name in settings.LANGUAGES]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_state_is_reached(stage: Stage, part: int) -> None:
    """By its steps, with its status, at a page of the portal that says something."""
    wrong = []
    for state in page_states()[part::PARTS]:
        try:
            with stage.show(state) as visit:
                text = visit.answer.content.decode()
                at = visit.answer.resolver_match.view_name if state.status < 400 else ""
        except Exception as failure:  # all of them are told of together
            wrong.append(f"{state.name}: {type(failure).__name__} {failure}")
            continue
        if not re.search(r"<h1[ >]", text) or state.says not in html.unescape(text):
            wrong.append(f"{state.name} at {visit.path} does not say what it has to say")
        if at and state.url_name not in (at, SHOWS_TOO.get(at)):
            wrong.append(f"{state.name} leads to {at} at {visit.path}")
    assert not wrong, "\n".join(wrong)
