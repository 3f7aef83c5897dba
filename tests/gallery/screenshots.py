"""Pictures of every page in every state, in two widths and two themes, with an index: ``make screenshots``.

They lie in var/screenshots (SCREENSHOTS=… elsewhere), in English or in LANGUAGE. ``make screenshots ARGS="-k readme"`` makes
the pictures of README anew, in docs/pictures.
"""

import html
import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.gallery.looking import Looker
from tests.gallery.stage import Stage
from tests.gallery.states import PageState, page_states

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(os.environ.get("SCREENSHOTS", ROOT / "var" / "screenshots"))
LANGUAGE = os.environ.get("LANGUAGE", "").partition(":")[0] or "en"
PICTURES = ROOT / "docs" / "pictures"
# Name of a state in the gallery, and what its pictures in README are called.
README = {"product-list": "product-list", "product-licensing-renewal-grace": "product-licensing"}


@pytest.fixture(scope="module")
def looker(stage: Stage, browser: Browser) -> Looker:
    """A tab for all of them."""
    return Looker.arrive(browser, stage)


@pytest.fixture(scope="module")
def rows() -> list[str]:
    """What the index shows, as it comes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return []


@pytest.mark.parametrize("state", page_states(), ids=lambda state: f"{state.url_name} {state.state}".strip())
def test_page(looker: Looker, rows: list[str], state: PageState) -> None:
    """Take its pictures, and put them into the index."""
    names = looker.take_pictures(state, LANGUAGE, FOLDER)
    shown = "".join(f'<a href="{name}"><img src="{name}" alt="{name}" loading="lazy"></a>' for name in names)
    rows.append(
        f'<section><h2 id="{state.name}">{html.escape(f"{state.url_name} {state.state}")}</h2>{shown}</section>'
    )
    (FOLDER / "index.html").write_text(_SHEET.replace("ROWS", "\n".join(rows)), encoding="utf-8")


def test_pictures_of_the_readme(looker: Looker) -> None:
    """What a window shows at once, wide, light and dark."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for state in page_states():
        if state.name not in README:
            continue

        def take(theme: str, width: int, name: str = README[state.name]) -> None:
            if width > 1000:
                looker.page.screenshot(path=PICTURES / f"{name}-{theme}.png")

        assert len(list(looker.look_at(state, LANGUAGE, take))) == 4


_SHEET = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Pages of License Manager</title>
<style>
body { font: 15px system-ui; margin: 2rem; background: #f3f4f6; color: #111; }
section { margin-block: 2rem; } h2 { font-size: 1rem; }
img { block-size: 20rem; inline-size: auto; max-inline-size: 40rem; object-fit: cover; object-position: top;
      margin-inline-end: 1rem; border: 1px solid #9ca3af; background: #fff; }
</style>
<h1>Pages of License Manager</h1>
ROWS
</html>
"""
