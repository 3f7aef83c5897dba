"""The outline of the world as SVG paths, cut to what a map shows. Plain numbers; the data is read once from its file.

A map is equirectangular: degrees east and north at right angles. Those east are shortened by the cosine of the middle's latitude,
so that what a map shows has its own shape; the map of the whole world is true at 38° north and south. None runs across the
180th meridian.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from products.geography import Position

_FILE = Path(__file__).parent / "data" / "world.txt"
# The file's unit, and how much sharper a map may be at most: its smallest height in degrees.
_PER_DEGREE = 5
_LEAST_HEIGHT = 5.0
# Beside what has to be seen, as a part of its size on each side.
_MARGIN = 0.18
# How many units wide a path's own coordinates are.
WIDTH = 1000

# Degrees east and north.
Point = tuple[float, float]


@dataclass(frozen=True)
class Window:
    """What a map shows, in degrees; ``east`` is above ``west``. ``ratio`` is the map's width to its height."""

    west: float
    south: float
    east: float
    north: float
    ratio: float

    @property
    def height(self) -> int:
        """The height of the map where it is ``WIDTH`` wide."""
        return round(WIDTH / self.ratio)

    def share(self, position: Position) -> tuple[float, float]:
        """Where a position lies: percent from the left, percent from the top."""
        east = (position.longitude - self.west) / (self.east - self.west)
        south = (self.north - position.latitude) / (self.north - self.south)
        return 100 * east, 100 * south


RATIOS = (1.0, 1.5, 2.0)
WORLD = Window(-180.0, -58.0, 180.0, 84.0, RATIOS[-1])


def window_around(positions: Sequence[Position]) -> Window:
    """What a map of these positions shows: all of them with room around them; the world where they lie too far apart.

    A map is a square, or wider where they lie side by side. Its height is in whole degrees, so that similar questions have
    the same map.
    """
    south, north = min(p.latitude for p in positions), max(p.latitude for p in positions)
    west, east = min(p.longitude for p in positions), max(p.longitude for p in positions)
    middle = (south + north) / 2
    short = max(0.2, math.cos(math.radians(middle)))
    high = max(_LEAST_HEIGHT, (north - south) * (1 + 2 * _MARGIN))
    wide = (east - west) * (1 + 2 * _MARGIN) * short
    ratio = next((ratio for ratio in RATIOS if wide <= high * ratio), RATIOS[-1])
    height = math.ceil(max(high, wide / ratio))
    width = height * ratio / short
    if width > WORLD.east - WORLD.west or height > WORLD.north - WORLD.south or south < WORLD.south:
        return WORLD
    # Near an edge of the world's map the window moves, so that nothing beyond is shown.
    bottom = min(round(middle - height / 2, 1), WORLD.north - height)
    left = min(max(round((west + east) / 2 - width / 2, 1), WORLD.west), WORLD.east - width)
    return Window(left, bottom, left + width, bottom + height, ratio)


@dataclass(frozen=True)
class Outline:
    """The paths of land and of borders within a window, in units of which the map is ``WIDTH`` wide."""

    land: str
    borders: str


@lru_cache(maxsize=256)
def outline(window: Window) -> Outline:
    """What of the world lies in the window; a little more than that, so that no edge of a cut is seen."""
    wide, high = (window.east - window.west) * 0.02, (window.north - window.south) * 0.02
    cut = Window(window.west - wide, window.south - high, window.east + wide, window.north + high, window.ratio)
    rings, borders = _world()
    land = [found for ring in rings if _touches(ring, cut) for found in [_clipped(ring, cut)] if len(found) > 2]
    lines = [part for line in borders if _touches(line, cut) for part in _within(line, cut)]
    return Outline("".join(_path(ring, window, "z") for ring in land), "".join(_path(line, window) for line in lines))


@cache
def _world() -> tuple[tuple[tuple[Point, ...], ...], tuple[tuple[Point, ...], ...]]:
    """The rings of land and the stretches of border of the file."""
    kinds: dict[str, list[tuple[Point, ...]]] = {"land": [], "border": []}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        kind, _space, text = line.partition(" ")
        if kind == "#":
            continue
        east = north = 0
        points: list[Point] = []
        for pair in text.split():
            more_east, more_north = pair.split(",")
            east, north = east + int(more_east), north + int(more_north)
            points.append((east / _PER_DEGREE, north / _PER_DEGREE))
        kinds[kind].append(tuple(points))
    return tuple(kinds["land"]), tuple(kinds["border"])


def _touches(points: Sequence[Point], cut: Window) -> bool:
    easts, norths = [point[0] for point in points], [point[1] for point in points]
    return min(easts) <= cut.east and max(easts) >= cut.west and min(norths) <= cut.north and max(norths) >= cut.south


def _clipped(ring: Sequence[Point], cut: Window) -> list[Point]:
    """The part of a ring within the window, by cutting off what lies beyond each of its four edges (Sutherland, Hodgman)."""
    found = list(ring)
    for inside in (
        lambda point: point[0] - cut.west,
        lambda point: cut.east - point[0],
        lambda point: point[1] - cut.south,
        lambda point: cut.north - point[1],
    ):
        found = _cut_off(found, inside)
    return found


def _cut_off(ring: Sequence[Point], inside: Callable[[Point], float]) -> list[Point]:
    """The part of a ring where ``inside`` is not below 0."""
    found: list[Point] = []
    for number, here in enumerate(ring):
        before = ring[number - 1]
        here_in, before_in = inside(here), inside(before)
        if (here_in >= 0) != (before_in >= 0):
            part = before_in / (before_in - here_in)
            found.append((before[0] + part * (here[0] - before[0]), before[1] + part * (here[1] - before[1])))
        if here_in >= 0:
            found.append(here)
    return found


def _within(line: Sequence[Point], cut: Window) -> Iterable[list[Point]]:
    """The stretches of a line whose segments touch the window; what of a segment lies beyond is not seen."""
    part: list[Point] = []
    for before, here in pairwise(line):
        if _touches((before, here), cut):
            part = [*part, here] if part else [before, here]
        elif part:
            yield part
            part = []
    if part:
        yield part


def _path(points: Sequence[Point], window: Window, end: str = "") -> str:
    """A path of whole units, each point told from the one before it; what falls on the same unit is told once."""
    scale_x = WIDTH / (window.east - window.west)
    scale_y = window.height / (window.north - window.south)
    at = [(round((east - window.west) * scale_x), round((window.north - north) * scale_y)) for east, north in points]
    kept = [at[0], *(here for before, here in pairwise(at) if here != before)]
    if len(kept) < 2 + bool(end):
        return ""
    moves = [f"{x - was_x} {y - was_y}" for (was_x, was_y), (x, y) in pairwise(kept)]
    return f"M{kept[0][0]} {kept[0][1]}l{' '.join(moves)}{end}".replace(" -", "-")
