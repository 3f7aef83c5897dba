"""Reading as of one moment: what others write meanwhile is not seen, and they need not wait."""

import threading

import pytest
from django.db import DatabaseError, connection, transaction

from licensemgr.core.reading import one_reading
from licensemgr.core.tenancy import acting_for
from products.models import Product

pytestmark = pytest.mark.django_db(transaction=True)


def _write_elsewhere(code: str) -> None:
    def write() -> None:
        try:
            Product.objects.create(code=code, name=code)
        finally:
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_what_is_written_meanwhile_is_not_seen_and_need_not_wait() -> None:
    with one_reading():
        assert not Product.objects.exists()
        _write_elsewhere("first")
        assert not Product.objects.exists()
    assert Product.objects.count() == 1


def test_so_it_is_for_an_organization_too() -> None:
    """There the transaction begins with a statement of its own."""
    with acting_for(1), one_reading():
        assert not Product.objects.exists()
        _write_elsewhere("first")
        assert not Product.objects.exists()


def test_afterwards_transactions_are_what_they_were() -> None:
    with one_reading():
        assert not Product.objects.exists()
    with transaction.atomic():
        assert not Product.objects.exists()
        Product.objects.create(code="here", name="Here")
        if connection.vendor == "postgresql":
            _write_elsewhere("there")
            assert Product.objects.count() == 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite knows no reading transactions")
def test_postgresql_refuses_to_write_within() -> None:
    with pytest.raises(DatabaseError, match="read-only"), one_reading():
        Product.objects.create(code="x", name="X")
