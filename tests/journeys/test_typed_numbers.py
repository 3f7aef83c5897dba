"""Numbers that are typed with the reader's separators count at once, and are what the server takes."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from organizations.models import Organization
from tests.factories import Books
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("language", "typed", "left"), [("en", "1,500", "12,345"), ("de", "1.500", "12.345"), ("ar", "1.500", "12.345")]
)
def test_what_is_left_is_worked_out_and_written_in_the_language(
    camera: Books,
    manager_client: Client,
    organization: Organization,
    visit: Callable[..., Visitor],
    language: str,
    typed: str,
    left: str,
) -> None:
    camera.report(START, core=1500)
    camera.start(START)
    camera.redeem(START, core=13_845)
    visitor = visit(manager_client)
    visitor.context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": visitor.base}])
    visitor.open("product_licensing", organization.slug, "camera-station")
    wallet = visitor.page.locator("[data-wallet-left='core-device'] [data-wallet-value]")
    field = visitor.page.locator("input[name='y0-core-device']")
    field.fill(typed.replace(",", ";").replace(".", ","))
    submit = visitor.page.locator("[data-wallet-submit]")
    expect(submit).to_have_attribute("aria-disabled", "true")
    field.fill(typed)
    expect(wallet).to_have_text(left)
    expect(submit).not_to_have_attribute("aria-disabled", "true")
    submit.click()
    expect(visitor.page.locator("#licensing .confirm")).to_contain_text(typed)
    assert not visitor.complaints
