"""Every page in every state, light and dark, on a phone and a desk, in every language: accessible, within policy and window.

A run of the suite draws some of them by its seed; ``make proof PARTS=pages-de`` looks at all in a language.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.gallery.looking import LANGUAGES, Looker
from tests.gallery.stage import Stage
from tests.gallery.states import PageState, page_states

pytestmark = [pytest.mark.gallery, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="package")
def looker(stage: Stage, browser: Browser) -> Iterator[Looker]:
    """A tab for all of them."""
    looker = Looker.arrive(browser, stage)
    yield looker
    looker.context.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", page_states(), ids=lambda state: state.name)
def test_a_page_has_no_problem(looker: Looker, state: PageState, language: str) -> None:
    problems = looker.problems_of(state, language)
    assert not problems, "\n".join(problems)
