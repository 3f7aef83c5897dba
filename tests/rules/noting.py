"""What a change was told, was answered and wrote, and when it had its organization's lock: noted from beside the portal."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models.signals import post_save

from licensemgr.core.errors import Refused
from organizations import books
from organizations.models import Organization
from wallet.models import Redemption, Transfer


@dataclass
class Done:
    """A change that a client asked for: what the model is asked to do, and what the portal answered."""

    what: str
    told: tuple[Any, ...]
    refused: str | None = None
    # The place in the order of its organization's locks; 0 where it was refused before any.
    place: int = 0
    transfers: list[int] = field(default_factory=list)
    # The redemption that it made, by which others may undo it.
    made: int = 0


class _Noted(threading.local):
    done: Done | None = None


class Noting:
    """Notes for each change of each thread when it was locked and what it wrote."""

    def __init__(self) -> None:
        self._now = _Noted()
        self._places: defaultdict[int, int] = defaultdict(int)
        self._original = books.lock_organization

    def __enter__(self) -> "Noting":
        setattr(books, "lock_organization", self._lock)  # noqa: B010
        post_save.connect(self._written, sender=Transfer)
        return self

    def __exit__(self, *_error: object) -> None:
        setattr(books, "lock_organization", self._original)  # noqa: B010
        post_save.disconnect(self._written, sender=Transfer)

    def _lock(self, organization: Organization) -> Organization:
        locked = self._original(organization)
        done = self._now.done
        if done is not None and not done.place:
            # Only whoever has the lock counts here, if the portal locks at all.
            self._places[locked.pk] += 1
            done.place = self._places[locked.pk]
        return locked

    def _written(self, instance: Transfer, **_signal: Any) -> None:
        if self._now.done is not None:
            self._now.done.transfers.append(instance.sequence)

    def perform(self, done: Done, change: Callable[[], Any]) -> Done:
        """Do it for real."""
        self._now.done = done
        try:
            made = change()
            if isinstance(made, Redemption):
                done.made = made.pk
        except Refused as error:
            done.refused = error.code
        finally:
            self._now.done = None
        return done
