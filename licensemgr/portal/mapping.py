"""The map beside the list of Where to buy: who is listed, numbered as in the list, and the place that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from licensemgr.core.drawing import percent
from products.geography import Position
from products.resellers import Listed
from products.world_map import RATIOS, Outline, Window, outline, window_around

# Pins nearer to each other than this, in percent of the map's width, are one pin: on a phone it is a finger's breadth.
_APART = 8.0


@dataclass(frozen=True)
class Pin:
    """One or more of the listed at one place of the map."""

    x: str
    y: str
    numbers: tuple[int, ...]
    resellers: tuple[Listed, ...]

    @property
    def text(self) -> str:
        """What the pin reads: its number, or its first one and that there are more."""
        return str(self.numbers[0]) if len(self.numbers) == 1 else f"{self.numbers[0]}+"


@dataclass(frozen=True)
class Map:
    """What is drawn: the outline, the pins, and the asked place (percent), if one was asked for."""

    window: Window
    outline: Outline
    pins: tuple[Pin, ...]
    place: tuple[str, str] | None

    @property
    def is_wide(self) -> bool:
        """Whether it is too wide to stand beside the list."""
        return self.window.ratio > RATIOS[0]

    @property
    def shape(self) -> int:
        """The number of its ratio of width to height: what the stylesheet calls it by."""
        return RATIOS.index(self.window.ratio)


def map_of(listed: Sequence[Listed], first_number: int, near: Position | None) -> Map | None:
    """The map of one page of the list; None where nobody on it has a position."""
    placed = [
        (number, one, Position(one.reseller.latitude, one.reseller.longitude))
        for number, one in enumerate(listed, start=first_number)
        if one.reseller.latitude is not None and one.reseller.longitude is not None
    ]
    if not placed:
        return None
    shown = [position for _number, _one, position in placed] + ([near] if near else [])
    window = window_around(shown)
    groups: list[tuple[float, float, list[tuple[int, Listed]]]] = []
    for number, one, position in placed:
        x, y = window.share(position)
        group = next((group for group in groups if hypot(group[0] - x, (group[1] - y) / window.ratio) < _APART), None)
        if group is None:
            groups.append((x, y, [(number, one)]))
        else:
            group[2].append((number, one))
    pins = [
        Pin(percent(x), percent(y), tuple(number for number, _one in found), tuple(one for _number, one in found))
        for x, y, found in groups
    ]
    place = window.share(near) if near else None
    # The first of the list is drawn last, on top.
    return Map(
        window, outline(window), tuple(reversed(pins)), (percent(place[0]), percent(place[1])) if place else None
    )
