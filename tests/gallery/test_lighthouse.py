"""Lighthouse gives 100 of 100 for accessibility and for best practices: six pages in a run of the suite, all in make proof.

Each page is asked about once, in its first state, in English and light: what axe says of all its states, test_pages.py asks.
"""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.gallery.stage import Stage, session_of
from tests.gallery.states import PageState, page_states
from tests.lighthouse.asking import CHROMIUM, Lighthouse, LighthouseFailed, lighthouse

pytestmark = [pytest.mark.lighthouse, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CATEGORIES = ("accessibility", "best-practices")
# Where most people are most of the time.
SIX = (
    "account_login",
    "product_list",
    "product_overview licensed",
    "product_licensing licensed",
    "product_wallet",
    "where_to_buy",
)


def _shown() -> list[PageState]:
    states = [state for state in page_states() if not state.clicks]
    if os.environ.get("PROOF"):
        return list({state.url_name: state for state in reversed(states)}.values())
    return [state for state in states if f"{state.url_name} {state.state}".strip() in SIX]


@pytest.fixture(scope="package")
def asked() -> Iterator[Lighthouse]:
    """One Lighthouse for all pages."""
    with lighthouse(CHROMIUM or "") as asked:
        yield asked


@pytest.mark.parametrize("state", _shown(), ids=lambda state: state.name)
def test_a_page_has_all_points(stage: Stage, asked: Lighthouse, state: PageState) -> None:
    # Lighthouse looks at good answers only: what is said by a 404 or a 422 is shown to it as if it were one.
    with stage.show(state, status="200 OK") as visit:
        found = asked.ask(
            stage.address + visit.path, CATEGORIES, cookies=f"{settings.SESSION_COOKIE_NAME}={session_of(visit)}"
        )
    assert found.scores == dict.fromkeys(CATEGORIES, 100), "\n".join(found.failed)


def test_a_page_that_breaks_breaks_no_other(stage: Stage, asked: Lighthouse) -> None:
    with stage.show(page_states()[0], status="200 OK") as visit:
        with pytest.raises(LighthouseFailed, match="no-such-host"):
            asked.ask("http://no-such-host.invalid/", CATEGORIES)
        assert asked.ask(stage.address + visit.path, CATEGORIES).scores["accessibility"] == 100
        assert asked.end() == 0
        assert asked.ask(stage.address + visit.path, CATEGORIES).scores["accessibility"] == 100
