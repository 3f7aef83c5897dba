"""Reading a lot as of one moment, while others go on writing."""

import contextlib
from collections.abc import Iterator
from typing import Any, cast

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper


@contextlib.contextmanager
def one_reading() -> Iterator[None]:
    """All queries within see the database at one moment, and nobody waits for them; nothing may be written within.

    Within a transaction that is open already nothing changes: its caller decided what it sees.
    """
    if connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    with begins_as_reading(connection), transaction.atomic():
        yield


@contextlib.contextmanager
def begins_as_reading(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """The next transaction on a connection that is open begins so; what comes after it as before."""
    # Not by SET TRANSACTION: the connection may have said already for whom the transaction is (licensemgr.core.tenancy).
    if connection.vendor == "postgresql":
        from psycopg import IsolationLevel

        begun_by: Any = connection.connection
        wanted: dict[str, Any] = {"isolation_level": IsolationLevel.REPEATABLE_READ, "read_only": True}
    else:
        begun_by, wanted = cast(Any, connection), {"transaction_mode": "DEFERRED"}
    before = {name: getattr(begun_by, name) for name in wanted}
    _set(begun_by, wanted)
    try:
        yield
    finally:
        _set(begun_by, before)


def _set(target: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(target, name, value)
