"""A record's payload, read so that nothing in it can raise, and the names behind what it holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

from django.utils.translation import gettext as _

from history.models import Record
from licensemgr.core.enumerations import counted_up
from licensemgr.core.moments import say_day
from licensemgr.core.numbers import grouped


@dataclass(frozen=True)
class Names:
    """The names behind what payloads hold: people and invitations by id, license types by product id and code."""

    people: Mapping[int, str] = field(default_factory=dict)
    license_types: Mapping[tuple[int, str], str] = field(default_factory=dict)
    # The addresses that were invited, by the invitation's id.
    invitations: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """One record's payload, read so that nothing in it can raise."""

    record: Record
    names: Names

    def text(self, key: str, default: str = "?") -> str:
        value = self._payload.get(key)
        return str(value) if isinstance(value, (str, int)) and value != "" else default

    def number(self, key: str) -> int | None:
        value = self._payload.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def day(self, key: str) -> str:
        return day_of(self._payload.get(key))

    def quantities(self, key: str) -> str:
        return self.listed(self._payload.get(key))

    def listed(self, value: object, *, skip_zero: bool = True) -> str:
        """“10 Core device, 5 Universal device”; empty when there is nothing."""
        if not isinstance(value, Mapping):
            return ""
        return counted_up(
            f"{grouped(quantity)} {self._type_name(str(code))}"
            for code, quantity in value.items()
            if isinstance(quantity, int) and (quantity or not skip_zero)
        )

    def items(self, key: str) -> list[Mapping[str, Any]]:
        value = self._payload.get(key)
        return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self._payload.get(key)
        return value if isinstance(value, Mapping) else {}

    @property
    def product(self) -> str:
        return str(self.record.product) if self.record.product else _("a product")

    def _type_name(self, code: str) -> str:
        return self.names.license_types.get((self.record.product_id or 0, code), code)

    @property
    def _payload(self) -> Mapping[str, Any]:
        return self.record.payload if isinstance(self.record.payload, Mapping) else {}


def day_of(value: object) -> str:
    """An ISO date in the words of the page."""
    try:
        return say_day(date.fromisoformat(str(value)))
    except ValueError:
        return "?"


# What tells one action.
Tell: TypeAlias = Callable[[Facts], str]
