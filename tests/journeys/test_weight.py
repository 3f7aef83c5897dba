"""Pages are light, nothing on them moves by itself, and they fit: a first visit below 90 KiB, later ones below 20 KiB.

They are served as in production: static files collected, compressed, with their hash in the name, and kept for good.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.test.testcases import LiveServerThread
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, Response, expect

from organizations.models import Organization
from products.models import SystemSource
from tests.factories import Books
from tests.journeys.conftest import START, Visitor
from tests.journeys.measuring import (
    FIRST_VISIT_BYTES,
    LATER_VISIT_BYTES,
    layout_shift,
    measure_weight,
    overflows,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PRODUCT = "camera-station"
# Pages of an organization, and whether they belong to a product; the gallery measures all pages in all states.
PAGES = {
    "product_list": False,
    "history": False,
    "product_overview": True,
    "product_licensing": True,
    "system_setup": True,
}
PUBLIC = ("account_login", "where_to_buy")


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the static files are collected, once for all tests of this file."""
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def production_files(settings: LazySettings, collected: Path) -> None:
    """Static files as in production; those of the admin site aside, which no page here asks for."""
    settings.STATIC_ROOT = str(collected)
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = False
    if not (collected / "staticfiles.json").exists():
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=["admin"])


@pytest.fixture
def production(production_files: None) -> Iterator[str]:
    """The address of a server that answers as a production server does, WhiteNoise's files included."""
    server = LiveServerThread("localhost", lambda handler: handler)  # type: ignore[arg-type]  # any maker of a handler does
    server.daemon = True
    server.start()
    server.is_ready.wait()
    assert server.error is None, server.error
    yield f"http://localhost:{server.port}"
    server.terminate()


@pytest.fixture
def urls(licensed: Books, organization: Organization) -> list[str]:
    """The pages of an organization in which something is licensed, something is missing, and things have happened."""
    licensed.report(START, system="By hand", source=SystemSource.MANUAL, core=3)
    licensed.redeem(START, core=25, universal=3)
    licensed.report(START, product="audio-manager", system="Audio", audio=4)
    slug = organization.slug
    return [reverse("my_systems")] + [
        reverse(name, args=[slug, PRODUCT] if is_of_product else [slug]) for name, is_of_product in PAGES.items()
    ]


@pytest.fixture
def browse(new_context: Callable[..., BrowserContext], production: str) -> Callable[..., Visitor]:
    """Makes visitors of that server; each has a browser that was nowhere before."""

    def make(client: Client | None = None, **options: object) -> Visitor:
        visitor = Visitor.arrive(new_context(**options), production)
        return visitor.sign_in_as(client) if client is not None else visitor

    return make


def too_heavy(visitor: Callable[[], Visitor], urls: list[str]) -> list[str]:
    """The pages that are too heavy for a browser that was nowhere before, or for one that comes again."""
    found = []
    for url in urls:
        guest = visitor()
        address = guest.base + url
        for visit, most in (("first", FIRST_VISIT_BYTES), ("later", LATER_VISIT_BYTES)):
            weight = measure_weight(guest.page, address)
            print(f"{url} {visit}: {weight}")
            if weight.total >= most or not weight.total:
                found.append(f"{url}, {visit} visit: {weight}")
        guest.context.close()
    return found


def test_pages_of_an_organization_are_light(
    browse: Callable[..., Visitor], manager_client: Client, urls: list[str]
) -> None:
    found = too_heavy(lambda: browse(manager_client), urls)
    assert not found, "\n".join(found)


def test_pages_without_sign_in_are_light(browse: Callable[..., Visitor], licensed: Books) -> None:
    found = too_heavy(browse, [reverse(name) for name in PUBLIC])
    assert not found, "\n".join(found)


def test_files_of_the_pages_are_compressed_and_kept_for_good(
    browse: Callable[..., Visitor], manager_client: Client, urls: list[str]
) -> None:
    guest = browse(manager_client)
    answers: list[Response] = []
    guest.page.on("response", lambda response: answers.append(response))
    guest.page.goto(guest.base + urls[1], wait_until="networkidle")
    page, *others = answers
    assert page.headers["content-encoding"] == "gzip" and "accept-encoding" in page.headers["vary"].lower()
    files = [answer for answer in others if "/static/" in answer.url]
    assert {answer.url.rsplit(".", 1)[-1] for answer in files} >= {"css", "js", "svg"}
    for answer in files:
        assert "immutable" in answer.headers["cache-control"], answer.url
        # WhiteNoise leaves what is smaller without as it is.
        assert answer.headers.get("content-encoding") in ("br", "gzip") or int(answer.headers["content-length"]) < 600


def test_nothing_moves_while_a_page_loads(
    browse: Callable[..., Visitor], manager_client: Client, urls: list[str]
) -> None:
    guest = browse(manager_client)
    for width in (1280, 390):
        guest.page.set_viewport_size({"width": width, "height": 900})
        for url in urls:
            assert layout_shift(guest.page, guest.base + url) == [], f"{url} at {width} px"


def test_nothing_moves_while_a_list_is_searched(
    browse: Callable[..., Visitor], manager_client: Client, urls: list[str], organization: Organization
) -> None:
    def search(page: Page) -> None:
        page.get_by_role("searchbox", name="Search products").press_sequentially("audio")
        expect(page.locator("#product-rows tbody tr")).to_have_count(1)

    guest = browse(manager_client)
    url = guest.base + reverse("product_list", args=[organization.slug])
    assert layout_shift(guest.page, url, search) == []


def test_a_shift_is_noticed(browse: Callable[..., Visitor], licensed: Books) -> None:
    def push(page: Page) -> None:
        page.evaluate("document.body.prepend(Object.assign(document.createElement('p'), { textContent: 'late' }))")

    guest = browse()
    assert layout_shift(guest.page, guest.base + reverse("verify"), push)


def test_no_page_is_wider_than_the_window(
    browse: Callable[..., Visitor], manager_client: Client, urls: list[str]
) -> None:
    guest = browse(manager_client)
    found = [f"{url} {problem}" for url in urls for problem in overflows(guest.page, guest.base + url)]
    assert not found, "\n".join(found)
