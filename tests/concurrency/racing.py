"""Runs changes at the same moment, with and without the locks."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import QuerySet


def at_once(changes: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all of ``changes`` at one moment, each in a thread with a connection of its own; results or exceptions."""
    start = threading.Barrier(len(changes))
    results: list[Any] = [None] * len(changes)

    def run(number: int) -> None:
        try:
            start.wait(timeout=30)
            results[number] = changes[number]()
        except Exception as error:  # what came out is what the test looks at
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(changes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive(), "a change hangs"
    return results


def take_the_locks_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read without a lock; on SQLite transactions begin without the write lock, as by Django's default."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, *args, **kwargs: self)
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "transaction_mode", "DEFERRED")


class Gate:
    """Put around a function that runs behind a check: counts who comes so far. ``waits_for`` lets that many meet there.

    ``meets`` is another gate before which some of them wait.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        module: object,
        name: str,
        *,
        waits_for: int = 0,
        meets: "Gate | None" = None,
    ) -> None:
        self.passed = 0
        self._count = threading.Lock()
        self._meeting: threading.Barrier | None = threading.Barrier(waits_for) if waits_for else None
        if meets is not None:
            self._meeting = meets._meeting
        self._original: Callable[..., Any] = getattr(module, name)
        monkeypatch.setattr(module, name, self._go_through)

    def visit(self) -> None:
        """Come by, and wait for the others where some meet here."""
        with self._count:
            self.passed += 1
        if self._meeting is not None:
            self._meeting.wait(timeout=15)

    def _go_through(self, *args: Any, **kwargs: Any) -> Any:
        self.visit()
        return self._original(*args, **kwargs)
