"""Search, filters and what is done with a list stand in one row at 1280 px, in the language with the longest words too."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from organizations.models import Organization
from tests.factories import Books
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# The bottom edges of what stands in the row; labels stand above fields, so the upper edges differ.
EDGES = """() => [...document.querySelectorAll('.list-bar .toolbar > :not(.spinner), .list-bar > .list-tools')]
    .map((part) => Math.round(part.getBoundingClientRect().bottom))"""


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_list_has_one_row_above_it(
    licensed: Books, manager_client: Client, organization: Organization, visit: Callable[..., Visitor], language: str
) -> None:
    licensed.unit(START, "SN-1", core=1)
    visitor = visit(manager_client, viewport={"width": 1280, "height": 900})
    visitor.context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": visitor.base}])
    for page in (("system_setup", organization.slug, "camera-station"), ("history", organization.slug)):
        visitor.open(*page)
        edges = visitor.page.evaluate(EDGES)
        assert len(edges) > 5
        assert len(set(edges)) == 1, page
    assert not visitor.complaints
