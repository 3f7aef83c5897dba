"""A person in a real browser: Debian's Chromium, a live server, and the names that stand on the pages.

Journeys are skipped, with one sentence, where no Chromium is installed. With ``JOURNEYS_SCREENSHOTS`` set to a folder, the
pages that are looked at for accessibility are also kept there as pictures.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from organizations.models import Organization
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.journeys.hands import HANDS, Hand, hand_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NO_CHROMIUM = (
    "No Chromium was found on this machine, so the browser journeys were skipped; install “chromium” to run them."
)
# Playwright's own loop runs in the thread of the test; the ORM is used there by nobody at the same time.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

START = date(2027, 3, 1)
# What a page is waited for at most; on a machine with other work five seconds are little.
expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a Chromium say so, once a file, instead of failing."""
    if CHROMIUM is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium without its sandbox, which containers lack, and without talk in the background."""
    return {
        "executable_path": CHROMIUM,
        "args": [
            "--no-sandbox",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-default-apps",
            "--disable-dev-shm-usage",
            "--disable-domain-reliability",
            "--disable-features=OptimizationHints,MediaRouter,Translate",
            "--disable-sync",
            "--metrics-recording-only",
            "--no-first-run",
            "--no-pings",
        ],
    }


@pytest.fixture(scope="session")
def base_url() -> None:
    """Each visitor knows the live server's address; the plug-in's own fixture warns with current pytest."""
    return


@dataclass
class Visitor:
    """Somebody at a browser, who clicks what stands on the pages."""

    context: BrowserContext
    base: str
    page: Page
    # What the browser complained of: violations of the Content-Security-Policy, errors of scripts.
    complaints: list[str] = field(default_factory=list)
    has_javascript: bool = True

    def __post_init__(self) -> None:
        self.hand = Hand(self.page)

    @classmethod
    def arrive(cls, context: BrowserContext, base: str) -> "Visitor":
        """Open a tab in a context."""
        context.set_default_timeout(15_000)
        visitor = cls(context, base, context.new_page())
        visitor._listen(visitor.page)
        return visitor

    def _listen(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        # The browser notes each answer of 4xx, too; those are meant. A suggestion that was still on its way when its field was
        # left is given up by htmx, which says so.
        meant = r"the server responded with a status of 4\d\d|^htmx:(sendAbort|afterRequest)\b"
        if (
            message.type == "error" and not re.search(meant, message.text)
        ) or "Content Security Policy" in message.text:
            self.complaints.append(message.text)

    def sign_in_as(self, client: Client) -> "Visitor":
        """Take over the session of a signed-in test client."""
        name = settings.SESSION_COOKIE_NAME
        self.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.base}])
        return self

    def second_tab(self) -> "Visitor":
        """Another tab of the same browser."""
        other = Visitor(self.context, self.base, self.context.new_page(), self.complaints)
        other._listen(other.page)
        return other

    def open(self, url_name: str, *arguments: object) -> "Visitor":
        """Load a page by its URL name."""
        self.page.goto(self.base + reverse(url_name, args=arguments))
        return self

    def link(self, name: str, *, exact: bool = True) -> Locator:
        """The links of that name in the page's main part."""
        return self.page.get_by_role("main").get_by_role("link", name=name, exact=exact)

    def button(self, name: str) -> Locator:
        """The button of that name in the page's main part."""
        return self.page.get_by_role("main").get_by_role("button", name=name, exact=True)

    def tab(self, name: str) -> Locator:
        """One of the four tabs of a product."""
        return self.page.locator("nav.tabs").get_by_role("link", name=name, exact=True)

    def choose_organization(self, name: str) -> "Visitor":
        """Choose an organization in the drop-down of the top bar."""
        with self.hand.one_step("choose the organization"):
            self.hand.press(self.page.locator("details.menu--org > summary"))
            self.hand.press(self.page.locator("#org-menu").get_by_role("link", name=name))
        return self

    def choose_product(self, name: str = "Camera Station") -> "Visitor":
        """Select a product in the Product list."""
        self.hand.press(self.page.get_by_role("rowheader", name=name).get_by_role("link", name=name))
        return self

    def reads(self, text: str | re.Pattern[str]) -> None:
        """The page's main part has this text."""
        expect(self.page.get_by_role("main")).to_contain_text(text)

    def heading(self, name: str) -> None:
        """The page has a heading of that name."""
        expect(self.page.get_by_role("heading", name=name, exact=True).first).to_be_visible()

    def quantity(self, license_type: str, year_from: str) -> Locator:
        """The field for a license type and the year that begins on a date."""
        return self.page.get_by_label(f"{license_type}, year from {year_from}")

    @property
    def key_field(self) -> Locator:
        """The field of the Product wallet into which a license key is typed or pasted."""
        return self.page.get_by_role("textbox", name="License key", exact=True)

    def redeem(self, key: str) -> "Visitor":
        """Type the key on the Product wallet, and click."""
        self.hand.fill(self.key_field, key)
        self.hand.press(self.button("Redeem license key"))
        self.reads("The license key was redeemed.")
        return self


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def javascript(request: pytest.FixtureRequest) -> bool:
    """A journey that asks for this goes both ways."""
    return bool(request.param)


@pytest.fixture(params=HANDS)
def by_hand(
    request: pytest.FixtureRequest, visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> Visitor:
    """The manager at a browser, once for each hand: the mouse, the keyboard alone, and without JavaScript."""
    visitor = visit(manager_client, java_script_enabled=request.param != "no JavaScript")
    visitor.has_javascript = request.param != "no JavaScript"
    visitor.hand = hand_of(request.param, visitor.page)
    return visitor


@pytest.fixture
def visit(new_context: Callable[..., BrowserContext], live_server: LiveServer) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors; after the journey nothing may have been complained of by their browsers."""
    visitors: list[Visitor] = []

    def make(client: Client | None = None, **options: Any) -> Visitor:
        visitor = Visitor.arrive(new_context(**options), live_server.url)
        visitors.append(visitor)
        return visitor.sign_in_as(client) if client is not None else visitor

    yield make
    for visitor in visitors:
        assert visitor.complaints == []


@pytest.fixture
def camera(books: Books, frozen_clock: FrozenClock) -> Books:
    """Camera Station is registered with 10 core and 4 universal devices, and 1 March 2027 is today."""
    books.report(START, core=10, universal=4)
    return books


@pytest.fixture
def started(camera: Books) -> Books:
    """The same, its subscription started today."""
    camera.start(START)
    return camera


@pytest.fixture
def licensed(started: Books) -> Books:
    """The same, fully licensed for the first year."""
    started.redeem(START, core=10, universal=4)
    started.allocate(START, {"core": 10, "universal": 4})
    return started


@pytest.fixture
def manager_at_browser(
    visit: Callable[..., Visitor], manager_client: Client, organization: Organization, javascript: bool
) -> Visitor:
    """The manager at a browser, once with and once without JavaScript."""
    return visit(manager_client, java_script_enabled=javascript)
