"""The outline of the world: its data, and how it is cut to what a map shows."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from products.geography import Position
from products.world_map import RATIOS, WIDTH, WORLD, Window, _clipped, _path, _world, outline, window_around

LUND, UMEA, SYDNEY, CHICAGO = (
    Position(55.70, 13.19),
    Position(63.83, 20.26),
    Position(-33.87, 151.21),
    Position(41.88, -87.63),
)
SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0))


def holds(window: Window, position: Position) -> bool:
    x, y = window.share(position)
    return 0 < x < 100 and 0 < y < 100


def test_the_data_is_small_and_on_earth() -> None:
    file = Path("products/data/world.txt")
    assert file.stat().st_size <= 40 * 1024
    rings, borders = _world()
    assert len(rings) > 100
    assert len(borders) > 300
    for ring in rings:
        assert ring[0] == ring[-1]
        for (east, _north), (next_east, _next_north) in pairwise(ring):
            # No line runs around the earth, from one edge of the map to the other.
            assert abs(next_east - east) < 180
    assert all(-180 <= east <= 180 and -90 <= north <= 90 for line in (*rings, *borders) for east, north in line)


@pytest.mark.parametrize(
    ("positions", "ratio"),
    [
        ([LUND], 1.0),
        ([LUND, UMEA], 1.0),
        ([LUND, CHICAGO], 2.0),
        ([LUND, SYDNEY, CHICAGO], 2.0),
        ([Position(0, 0), Position(1, 12)], 2.0),
        ([Position(-17.8, 178.0), Position(-41.3, 174.8)], 1.0),
    ],
)
def test_a_window_shows_every_position_with_room_around_it(positions: list[Position], ratio: float) -> None:
    window = window_around(positions)
    assert window.ratio == ratio
    assert window.ratio in RATIOS
    assert all(holds(window, position) for position in positions)
    assert WORLD.west <= window.west < window.east <= WORLD.east


def test_one_place_has_the_smallest_window() -> None:
    """5 degrees high; at 55.7° north a degree east is 0.5635 of a degree north, so 8.87 degrees wide."""
    window = window_around([LUND])
    assert window.north - window.south == pytest.approx(5)
    assert window.east - window.west == pytest.approx(8.87, abs=0.01)
    x, y = window.share(LUND)
    # Its edges are tenths of a degree, so the place is in the middle to a hundredth.
    assert abs(x - 50) < 1
    assert abs(y - 50) < 1


def test_the_ends_of_the_earth_are_on_the_map_of_the_world() -> None:
    everywhere = [Position(78.2, 15.6), Position(-54.8, -68.3), Position(-17.8, 178.0), Position(21.3, -157.9)]
    assert window_around(everywhere) == WORLD
    assert window_around([Position(-90, 0)]) == WORLD
    assert all(holds(WORLD, position) for position in everywhere)


def test_a_ring_is_cut_at_the_window() -> None:
    inside = Window(5, 5, 20, 20, 1.0)
    assert set(_clipped(SQUARE, inside)) == {(10.0, 5.0), (10.0, 10.0), (5.0, 10.0), (5.0, 5.0)}
    assert set(_clipped(SQUARE, Window(2, 2, 8, 8, 1.0))) == {(2.0, 2.0), (8.0, 2.0), (8.0, 8.0), (2.0, 8.0)}
    assert _clipped(SQUARE, Window(20, 20, 30, 30, 1.0)) == []


def test_a_path_tells_whole_units_from_point_to_point() -> None:
    window = Window(0, 0, 10, 10, 1.0)
    assert _path(SQUARE, window, "z") == "M0 1000l1000 0 0-1000-1000 0 0 1000z"
    # What is smaller than a unit is no ring.
    assert _path([(1.0, 1.0), (1.001, 1.0), (1.001, 1.001)], window, "z") == ""


def test_an_outline_stays_within_its_window_and_is_light() -> None:
    world = outline(WORLD)
    assert len(world.land) + len(world.borders) < 40_000
    skane = window_around([LUND])
    found = outline(skane)
    assert found.land
    assert len(found.land) < 3_000
    for start in re.findall(r"M(-?\d+)", found.land):
        assert -0.05 * WIDTH < int(start) < 1.05 * WIDTH


def test_the_open_sea_has_no_outline() -> None:
    found = outline(window_around([Position(-40, -120)]))
    assert (found.land, found.borders) == ("", "")
