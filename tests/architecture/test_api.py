"""Every operation of the API is behind a token's scope or proved by a system, and what it refuses with is told (R30)."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils.functional import Promise

from licensemgr.api import bodies
from licensemgr.api.doors import ShopBearer
from licensemgr.api.kinds import KINDS
from licensemgr.api.site import document, operations
from licensemgr.core.errors import Refused
from licensemgr.shop import errors
from licensemgr.shop.models import Scope
from tests.architecture.urls import walk

# What a system proves by its own key, in the call itself (hardware/calling.py).
PROVED_BY_SYSTEMS = {"report", "latest_license"}
# What anybody may read: the document, as a page and for programs.
PUBLIC = {"api_document", "openapi"}


def test_every_operation_has_a_door() -> None:
    found = list(operations())
    assert {each.url_name for each in found} >= PROVED_BY_SYSTEMS
    for operation in found:
        doors = list(operation.auth_callbacks)
        if operation.url_name in PROVED_BY_SYSTEMS:
            assert not doors, f"{operation.url_name} is proved by systems and by a token"
            continue
        assert len(doors) == 1, f"{operation.url_name} has {len(doors)} doors: whoever passes one is let in"
        [door] = doors
        assert isinstance(door, ShopBearer), f"{operation.url_name} is neither behind a scope nor proved by systems"
        assert door.scope in Scope, operation.url_name


def test_below_the_api_there_is_nothing_but_operations_and_its_document() -> None:
    named = {f"api:{each.url_name}" for each in operations()}
    found = {route.name for route in walk() if route.path.startswith("api/")}
    assert found == named | PUBLIC


def test_the_tree_of_the_api_is_whole() -> None:
    """An operation that is only hidden from the document would be there all the same."""
    told = {described["operationId"] for methods in document()["paths"].values() for described in methods.values()}
    assert told == {each.url_name for each in operations()}


@pytest.mark.django_db
def test_what_anybody_may_read_takes_no_other_method(client: Client) -> None:
    for address in ("/api/v1/", "/api/v1/openapi.json"):
        assert client.get(address).status_code == 200
        assert client.post(address).status_code == 405


def _below(error: type[Refused]) -> Iterator[type[Refused]]:
    yield error
    for each in error.__subclasses__():
        yield from _below(each)


# Refusals that only pages of the admin site show, and one that only has others below it.
OF_PAGES = {errors.TokenNotMade, errors.TokenGivenBefore, errors.OfKeys}


def test_every_refusal_of_the_shop_is_told_with_its_status() -> None:
    of_calls = [
        error
        for error in _below(Refused)
        if error.__module__ in (errors.__name__, bodies.__name__) and error not in OF_PAGES
    ]
    assert len(of_calls) > 8
    for error in of_calls:
        status, meaning = KINDS[error.code.replace(" ", "-")]
        assert status == error.status, error
        assert isinstance(meaning, Promise)


def test_no_two_refusals_share_a_code_with_the_shop() -> None:
    others = {error.code for error in _below(Refused) if error.__module__ != errors.__name__}
    own = [
        error.code for error in _below(Refused) if error.__module__ == errors.__name__ and error is not errors.OfKeys
    ]
    assert len(own) == len(set(own))
    assert not set(own) & others
