"""Distances, the list of towns, and what a typed name means."""

import re
from pathlib import Path

import pytest

from licensemgr.core.countries import countries, country_name, guess_country
from licensemgr.core.folding import fold
from products import towns
from products.geography import Position
from products.towns import find_towns, largest_town, position_of_town, suggest_towns, town_of

FILE = Path(towns.__file__).parent / "data" / "towns.tsv"


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        # One degree along the equator: 6371.0088 km × π / 180.
        ((0, 0), (0, 1), 111.195),
        # A quarter of the way around, and half of it.
        ((0, 0), (90, 0), 10007.557),
        ((10, 20), (-10, -160), 20015.115),
        # Across the date line the short way, and at a pole every longitude is the same place.
        ((0, 179.5), (0, -179.5), 111.195),
        ((90, 0), (90, 123), 0),
        # Great-circle distances of Paris to London and of Stockholm to Oslo from an atlas, to a kilometre.
        ((48.8566, 2.3522), (51.5074, -0.1278), 343.6),
        ((59.3293, 18.0686), (59.9139, 10.7522), 416.5),
    ],
)
def test_distances_by_hand(one: tuple[float, float], other: tuple[float, float], km: float) -> None:
    assert Position(*one).km_to(*other) == pytest.approx(km, abs=1)
    assert Position(*other).km_to(*one) == pytest.approx(km, abs=1)


def test_degrees_are_read_or_refused_and_never_raise() -> None:
    assert Position.read(" 55.61", "-13.0 ") == Position(55.61, -13.0)
    assert Position.read("+90", "180") == Position(90, 180)
    for latitude in (
        "",
        "NaN",
        "inf",
        "1e400",
        "1e1",
        "91",
        "-90.01",
        "５５",
        "1_0",
        "55,6",
        "9" * 5000,
        "0x1",
        "--1",
        ".",
    ):
        assert Position.read(latitude, "13") is None, latitude
    assert Position.read("55", "180.5") is None


def test_the_file_is_what_it_says() -> None:
    text = FILE.read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert "GeoNames" in text[:400] and "creativecommons.org/licenses/by/4.0" in text[:400]
    assert len(rows) >= 5000
    assert FILE.stat().st_size < 1_000_000
    assert rows == sorted(rows, key=lambda row: (row[0], -int(row[6]), row[1], row[2]))
    assert {row[0] for row in rows} <= dict(countries()).keys()
    assert len({row[0] for row in rows}) > 240
    assert all(Position.read(row[4], row[5]) for row in rows)
    # No row is lost: keys tell all of them apart, and every name of every town finds it.
    assert len(towns._towns().by_key) == len(rows)


def test_a_name_is_found_without_accents_and_in_other_spellings() -> None:
    for typed in ("Malmö", "malmo", "MALMOE", " Malmö, Sweden", "malmo,se"):
        assert _chosen(typed) == "SE-malmo", typed
    for typed in ("Köln", "Koln", "koeln", "Cologne"):
        assert _chosen(typed) == "DE-koln", typed
    assert (_chosen("München"), _chosen("東京"), _chosen("Москва")) == ("DE-munich", "JP-tokyo", "RU-moscow")


def test_the_country_comes_first_then_the_clearly_larger_town() -> None:
    assert _chosen("Paris") == "FR-paris"
    assert _chosen("Paris", "US") == "US-paris-tx"
    assert [town.key for town in find_towns("Paris", country="US").others] == ["FR-paris"]
    # A town of the country that is asked for is not there: the name counts.
    assert _chosen("Malmö", "US") == "SE-malmo"


def test_several_of_one_name_are_offered_by_size_and_told_apart() -> None:
    found = find_towns("Springfield", country="US")
    assert found.chosen is None
    assert [town.label for town in found.others[:3]] == [
        "Springfield, MO, United States",
        "Springfield, MA, United States",
        "Springfield, IL, United States",
    ]
    for town in found.others:
        assert find_towns(town.label).chosen == town
        assert town_of(town.key) == town
    newport = find_towns("Newport", country="GB")
    assert [town.label for town in newport.others[:2]] == [
        "Newport, United Kingdom",
        "Newport near Gosport, United Kingdom",
    ]


def test_nothing_is_found_where_nothing_is() -> None:
    for text in ("", " ", ",", "zzzz", "ä" * 5000, "%", "\N{PILE OF POO}", ", Sweden"):
        assert find_towns(text) == towns.FoundTowns(None, ()), text
        assert suggest_towns(text) == []
    assert town_of("") is None
    assert position_of_town("Malmö", "DK") is None


def test_suggestions_begin_with_what_is_typed() -> None:
    found = suggest_towns("spri", country="US", limit=5)
    assert len(found) == 5
    assert all(fold(town.name).startswith("spri") and town.country == "US" for town in found)
    assert [town.population for town in found] == sorted((town.population for town in found), reverse=True)
    assert suggest_towns("lu", country="SE")[0].key == "SE-lund"


def test_every_country_of_the_list_knows_its_largest_town() -> None:
    paris = largest_town("FR")
    assert paris is not None and paris.key == "FR-paris"
    assert position_of_town("paris", "FR") == paris.position
    assert largest_town("AQ") is None


def test_countries_are_named_and_in_the_order_of_their_names() -> None:
    names = [name for _code, name in countries()]
    assert len(names) > 240
    assert names.index("Åland Islands") < names.index("Albania")
    assert country_name("SE") == "Sweden"
    assert country_name("QQ") == "QQ"
    assert all(re.fullmatch("[A-Z]{2}", code) for code, _name in countries())


@pytest.mark.parametrize(
    ("header", "country"),
    [
        ("sv-SE,sv;q=0.9,en-US;q=0.8", "SE"),
        ("en-GB", "GB"),
        ("sv", "SE"),
        ("en", ""),
        ("en, de-AT;q=0.5", "AT"),
        ("fr;q=0.1, nb-NO;q=0.9", "NO"),
        ("zh-Hant-TW", "TW"),
        ("es-419,es;q=0.5", "ES"),
        ("en-US;q=0", ""),
        ("xx-ZZ", ""),
        ("*", ""),
        ("", ""),
        (";;;,,,q=", ""),
        ("a" * 100_000, ""),
    ],
    ids=range(14),
)
def test_a_browser_makes_a_country_likely(header: str, country: str) -> None:
    assert guess_country(header) == country


def _chosen(typed: str, country: str = "") -> str:
    chosen = find_towns(typed, country=country).chosen
    return chosen.key if chosen else ""
