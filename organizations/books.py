"""The one way to change an organization's books: lock, settle up to today, change, look again (R1, R3, R11).

What becomes true with time is known by the apps above; each names itself in ``settings.BOOKS_SETTLERS`` as a module with
``due(organization, through)`` and ``next_due(organization)``. ``settings.BOOKS_AFTER_CHANGE`` names what is looked at
after every change. So the lower apps can settle before a change without importing those above them.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Protocol, cast

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from licensemgr.core import clock
from organizations.errors import DateGoesBack, OrganizationClosed
from organizations.models import Organization

# What a `Due`'s rank begins with: of one day the books come first, then people are told how they stand.
BOOKS, NOTICES = 0, 1


@dataclass(frozen=True)
class Due:
    """Something that becomes true on a date by itself.

    ``rank`` orders what falls on one day. ``apply`` writes it down, once all that comes before it is written, and returns
    how many things it wrote: none where there is nobody to tell, or nothing to tell any more.
    """

    on: date
    rank: tuple[Any, ...]
    apply: Callable[[], int]


class Settler(Protocol):
    """What a module in BOOKS_SETTLERS offers."""

    def due(self, organization: Organization, through: date) -> Iterable[Due]: ...

    def next_due(self, organization: Organization) -> date | None: ...


@cache
def _settlers() -> tuple[Settler, ...]:
    import importlib

    return tuple(cast(Settler, importlib.import_module(name)) for name in settings.BOOKS_SETTLERS)


@cache
def _after_change() -> tuple[Callable[[Organization, date], None], ...]:
    return tuple(import_string(name) for name in settings.BOOKS_AFTER_CHANGE)


def lock_organization(organization: Organization) -> Organization:
    """The organization's row, locked until the transaction ends: one change of one organization at a time.

    On SQLite the transaction itself holds the database's write lock (BEGIN IMMEDIATE).
    """
    return Organization.objects.select_for_update().get(pk=organization.pk)


@contextlib.contextmanager
def changing(organization: Organization, on: date) -> Iterator[Organization]:
    """Everything within is one change of the organization's books on ``on``: whole or not at all (R3, R18).

    Yields the locked organization, settled up to ``on``. Raises what `settled` raises.
    """
    with settled(organization, on) as locked:
        yield locked
        for look in _after_change():
            look(locked, on)
        _note_next_due(locked)


@contextlib.contextmanager
def settled(organization: Organization, on: date) -> Iterator[Organization]:
    """The locked organization, settled up to ``on``, to find out under the lock whether there is anything to change (R3).

    What changes the books does so within `changing`, which may stand within this. Raises DateGoesBack when the books are
    settled beyond ``on``, OrganizationClosed when they ended (R35), ClockJumped when ``on`` can't be believed.
    """
    with transaction.atomic():
        locked = lock_organization(organization)
        if locked.closed_on is not None:
            raise OrganizationClosed
        if locked.settled_through is not None and on < locked.settled_through:
            raise DateGoesBack(locked.settled_through)
        _settle(locked, on)
        yield locked
    organization.settled_through = locked.settled_through
    organization.next_due_on = locked.next_due_on


def settle(organization: Organization, on: date) -> int:
    """Bring the books up to ``on`` and return how many things were written down; 0 when they already were there (R3).

    The books of a closed organization ended on the day on which it was closed (R35): nothing is written down any more.
    """
    with transaction.atomic():
        locked = lock_organization(organization)
        if locked.closed_on is not None or (locked.settled_through is not None and on <= locked.settled_through):
            return 0
        return _settle(locked, on)


def _settle(locked: Organization, on: date) -> int:
    if locked.settled_through is not None and on <= locked.settled_through:
        return 0
    clock.witness(on)
    written = 0
    is_due = locked.next_due_on is not None and locked.next_due_on <= on
    if is_due:
        due = [item for settler in _settlers() for item in settler.due(locked, on)]
        written = sum(item.apply() for item in sorted(due, key=lambda item: (item.on, item.rank)))
    locked.settled_through = on
    Organization.objects.filter(pk=locked.pk).update(settled_through=on)
    if is_due:
        _note_next_due(locked)
    return written


def _note_next_due(locked: Organization) -> None:
    dates = [found for settler in _settlers() if (found := settler.next_due(locked)) is not None]
    next_due_on = None if locked.closed_on is not None else min(dates, default=None)
    if next_due_on != locked.next_due_on:
        locked.next_due_on = next_due_on
        Organization.objects.filter(pk=locked.pk).update(next_due_on=next_due_on)
