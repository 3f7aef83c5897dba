"""The towns of the world that Where to buy knows, from a file of the repository (GeoNames, CC BY 4.0).

The file is read once, when a town is first asked for: about a third of a second and 25 MB.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from licensemgr.core.countries import country_name
from licensemgr.core.folding import fold
from licensemgr.core.worded import gettext as _
from products.geography import Position

_FILE = Path(__file__).parent / "data" / "towns.tsv"
# How “ö” and its like are written where a keyboard lacks them.
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
# Among towns of the same name the largest is meant if the next one is this many times smaller.
_CLEARLY_LARGER = 10
# Where a town is always named with its state or province; elsewhere the region is a larger town nearby.
_WITH_STATES = frozenset({"AU", "CA", "US"})


@dataclass(frozen=True, slots=True)
class Town:
    """A town. ``region`` tells it from others of its name within the country, where that is needed or usual.

    ``key`` is its stable name in URLs, for example ``US-springfield-il``.
    """

    key: str
    country: str
    name: str
    region: str
    position: Position
    population: int

    @property
    def label(self) -> str:
        """Name, region and country, in the active language."""
        parts = {"name": self.name, "region": self.region, "country": country_name(self.country)}
        if self.region and self.country not in _WITH_STATES:
            return _("%(name)s near %(region)s, %(country)s") % parts
        return ", ".join(filter(None, parts.values()))


@dataclass(frozen=True)
class FoundTowns:
    """What a name may mean. ``chosen`` is set where one is clearly meant; ``others`` are the rest, the likeliest first."""

    chosen: Town | None
    others: Sequence[Town]


@dataclass(frozen=True)
class _Towns:
    by_key: dict[str, Town]
    # Folded names, sorted, and the town of each.
    names: list[str]
    named: list[Town]


def town_of(key: str) -> Town | None:
    """The town of a key, if there is one."""
    return _towns().by_key.get(key)


def suggest_towns(text: str, *, country: str = "", limit: int = 8) -> list[Town]:
    """Towns whose name begins with ``text`` ("Spring", "springfield, il"), those of ``country`` first, then the largest."""
    name, _sep, rest = text.partition(",")
    wanted = fold(name)
    if not wanted:
        return []
    towns = _towns()
    found: dict[str, Town] = {}
    for index in range(bisect_left(towns.names, wanted), len(towns.names)):
        if not towns.names[index].startswith(wanted):
            break
        found[towns.named[index].key] = towns.named[index]
    fitting = _narrowed(found.values(), rest)
    return sorted(fitting, key=lambda town: _likelihood(town, country))[:limit]


def find_towns(text: str, *, country: str = "", limit: int = 8) -> FoundTowns:
    """Which town a person means by a whole name.

    One of exactly that name counts before those whose names only begin with it; among equals, one in ``country``; then
    one that is ten times as large as the next.
    """
    name, _sep, rest = text.partition(",")
    found = _narrowed(_exactly(fold(name)), rest)
    found.sort(key=lambda town: _likelihood(town, country))
    found = found[:limit] or suggest_towns(text, country=country, limit=limit)
    if not found:
        return FoundTowns(None, ())
    first, *others = found
    rivals = [town for town in others if (town.country == country) == (first.country == country)]
    if all(first.population >= _CLEARLY_LARGER * rival.population for rival in rivals):
        return FoundTowns(first, others)
    return FoundTowns(None, found)


def position_of_town(name: str, country: str) -> Position | None:
    """Where the largest town of that name in the country lies, or None if it is not on the list."""
    exact = [town for town in _exactly(fold(name)) if town.country == country]
    return max(exact, key=lambda town: town.population).position if exact else None


def largest_town(country: str) -> Town | None:
    """The town of the country in which most people live, if the list has one."""
    return next((town for town in _towns().by_key.values() if town.country == country), None)


def _likelihood(town: Town, country: str) -> tuple[bool, int, str]:
    return town.country != country, -town.population, town.key


def _exactly(wanted: str) -> list[Town]:
    towns = _towns()
    start = bisect_left(towns.names, wanted)
    found: dict[str, Town] = {}
    for index in range(start, len(towns.names)):
        if towns.names[index] != wanted:
            break
        found[towns.named[index].key] = towns.named[index]
    return list(found.values())


def _narrowed(towns: Iterable[Town], rest: str) -> list[Town]:
    """The towns whose region or country begins with what stands after the comma ("il", "il, united states", "US")."""
    wanted = fold(rest)
    if not wanted:
        return list(towns)

    def fits(town: Town) -> bool:
        region, country = fold(town.region), fold(country_name(town.country))
        return any(text.startswith(wanted) for text in (region, f"{region} {country}", country, town.country.lower()))

    return [town for town in towns if fits(town)]


@cache
def _towns() -> _Towns:
    by_key: dict[str, Town] = {}
    names: list[tuple[str, str]] = []
    with _FILE.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            country, name, region, others, latitude, longitude, population = line.rstrip("\n").split("\t")
            key = "-".join([country, *fold(f"{name} {region}").split()])
            by_key[key] = Town(key, country, name, region, Position(float(latitude), float(longitude)), int(population))
            for spelling in {name, name.lower().translate(_SPELLED_OUT), *filter(None, others.split("|"))}:
                names.append((fold(spelling), key))
    names = sorted(set(names))
    return _Towns(by_key, [name for name, _key in names], [by_key[key] for _name, key in names])
