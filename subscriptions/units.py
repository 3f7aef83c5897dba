"""What subscriptions ask of the hardware above them: which units a product has, and what tied systems lack (R14a, R25).

The floor above answers by a function that ``settings.UNIT_STANDINGS`` names, so that this floor does not import it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from organizations.models import Organization

# How many hardware units a sentence names, and how many of those that lack licenses Product overview lists.
UNITS_NAMED = 3
UNITS_LISTED = 5


@dataclass(frozen=True)
class UnitLack:
    """The expansion licenses that a unit's systems lack, per license type code."""

    # The primary key of the unit, by which its page is known.
    unit_id: int
    serial: str
    lacks: Mapping[str, int]


@dataclass(frozen=True)
class UnitStanding:
    """A registered product's units that are registered and not retired."""

    active: int = 0
    # The first by serial number: one more than a sentence names, so that it still can where one is left out.
    serials: tuple[str, ...] = ()
    # How many of them lack something.
    lacking: int = 0
    # The first of those by serial number: one more than a page lists, as above.
    lacks: tuple[UnitLack, ...] = ()

    def without(self, serial: str, *, was_lacking: bool) -> "UnitStanding":
        """The same without the unit of that serial number, which is one of them."""
        return UnitStanding(
            active=self.active - 1,
            serials=tuple(other for other in self.serials if other != serial),
            lacking=self.lacking - was_lacking,
            lacks=tuple(lack for lack in self.lacks if lack.serial != serial),
        )


@cache
def _answer() -> Callable[[Organization, Iterable[int]], Mapping[int, UnitStanding]]:
    return cast(
        Callable[[Organization, Iterable[int]], Mapping[int, UnitStanding]], import_string(settings.UNIT_STANDINGS)
    )


def unit_standings(organization: Organization, registered_product_ids: Iterable[int]) -> Mapping[int, UnitStanding]:
    """How the units of these registered products stand; products without any are left out."""
    return _answer()(organization, registered_product_ids)
