"""The stage on which the gallery's pages are shown, and which of them this run looks at."""

import logging
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType

from licensemgr.core import clock
from tests.conftest import FrozenClock
from tests.gallery.stage import Stage, is_on_sqlite
from tests.gallery.world import TODAY
from tests.journeys.conftest import NO_CHROMIUM, base_url, browser_type_launch_args
from tests.lighthouse.asking import CHROMIUM, IS_THERE, NO_LIGHTHOUSE

__all__ = ["base_url", "browser_type_launch_args"]

# How many pages, each in two widths and two themes, a run of the suite draws by its seed; make proof looks at all of them.
DRAWN = int(os.environ.get("GALLERY_PAGES", "75"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draw the pages that a browser looks at; on PostgreSQL none, since they are the same there."""
    shown = [item for item in items if item.get_closest_marker("gallery")]
    if not os.environ.get("PROOF") and not config.getoption("keyword"):
        names = sorted(item.nodeid for item in shown)
        count = min(DRAWN, len(names)) if is_on_sqlite() else 0
        drawn = set(random.Random(getattr(config.option, "randomly_seed", 0)).sample(names, count))
        left_out = [item for item in shown if item.nodeid not in drawn]
        config.hook.pytest_deselected(items=left_out)
        gone = {item.nodeid for item in left_out}
        items[:] = [item for item in items if item.nodeid not in gone]
    asked = [item for item in items if item.get_closest_marker("lighthouse")]
    if not is_on_sqlite():
        config.hook.pytest_deselected(items=asked)
        items[:] = [item for item in items if not item.get_closest_marker("lighthouse")]
    for item in [*shown, *asked]:
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))
    for item in asked:
        if not IS_THERE and not os.environ.get("PROOF"):
            item.add_marker(pytest.mark.skip(reason=NO_LIGHTHOUSE))


@pytest.fixture(scope="package")
def browser(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    """A browser that finds no other host than the stage's."""
    arguments = [*browser_type_launch_args["args"], "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with browser_type.launch(executable_path=CHROMIUM, args=arguments) as browser:
        yield browser


@pytest.fixture
def _django_db_helper(django_db_setup: None) -> None:
    """The tests' database is set up; its one transaction is the stage's, not the test's."""


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """The cache is the stage's, too."""


@pytest.fixture(scope="package")
def stage(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The world of the gallery, built once for these tests."""
    folder: Path = tmp_path_factory.mktemp("gallery")
    frozen = FrozenClock(TODAY)
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():  # type: ignore[attr-defined]
        patch.setattr(clock, "now", lambda: frozen.instant)
        patch.setattr("django.conf.settings.ISSUE_LOG_DIR", folder)
        # Refusals are meant here.
        patch.setattr(logging.getLogger("django.request"), "disabled", True)
        patch.setattr(logging.getLogger("django.security.csrf"), "disabled", True)
        stage = Stage()
        try:
            stage.open()
            yield stage
        finally:
            stage.close()
