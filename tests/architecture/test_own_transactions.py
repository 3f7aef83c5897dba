"""Views with transactions of their own: few, and none of them writes but behind the door (R30, R31)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.transaction import Atomic
from django.test import Client

from organizations.models import Organization
from tests.architecture.urls import walk
from tests.factories import Books
from tests.hardware.offline import staged, system_file, vessel

# Reading what is uploaded takes seconds, and of several files each is accepted by itself.
OWN_TRANSACTIONS = {"upload_system_file", "confirm_system_files"}
# Written around the door by the framework itself.
_FRAMEWORK = ("django_session",)


class Watch:
    """Sees each statement of a connection: which transactions write, and whether each asked before who the person is."""

    def __init__(self) -> None:
        self.writing: list[Atomic] = []
        self.wrong: list[str] = []
        self._asked: list[Atomic] = []

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        block = connection.atomic_blocks[0] if connection.atomic_blocks else None
        if block is not None and re.match(r'SELECT .*FROM "organizations_membership"', sql, re.DOTALL):
            self._asked.append(block)
        if re.match("INSERT|UPDATE|DELETE", sql) and not any(f'"{table}"' in sql for table in _FRAMEWORK):
            if block is None or block not in self._asked:
                self.wrong.append(sql[:100])
            elif block not in self.writing:
                self.writing.append(block)
        return execute(sql, *arguments)


def test_only_these_have_them() -> None:
    found = {route.name for route in walk() if getattr(route.pattern.callback, "own_transactions", False)}
    assert found == OWN_TRANSACTIONS


@pytest.mark.django_db(transaction=True)
def test_each_transaction_that_writes_asks_first_who_the_person_is(
    books: Books, manager_client: Client, organization: Organization
) -> None:
    files = [system_file(vessel(name)) for name in ("Red", "Green", "Blue")]
    with connection.execute_wrapper(uploading := Watch()):
        address = staged(manager_client, organization.slug, *files)
    with connection.execute_wrapper(confirming := Watch()):
        assert manager_client.post(address).status_code == 303
    assert uploading.wrong == confirming.wrong == []
    assert (len(uploading.writing), len(confirming.writing)) == (1, 3)
