"""Draws random steps of a history by a plain generator, as the state machine's strategies do, and for much less time each."""

import random
from datetime import date, timedelta
from typing import Any

ORGANIZATIONS = (0, 0, 0, 1, 2)
PRODUCTS = ("camera-station", "camera-station", "audio-manager")
SYSTEMS = ("A", "B", "C")
SERIALS = ("H1", "H2")
UNITS = ("", "", *SERIALS)
# Days before, on and after what the rules count: grace, years, a trial; and leaps over years.
COUNTED_DAYS = (1, 6, 7, 8, 29, 30, 31, 32, 334, 335, 364, 365, 366, 1826, 1827)
FIRST_DAYS = (date(2028, 2, 29), date(2028, 2, 28), date(2028, 3, 1), date(2027, 12, 31), date(2024, 2, 29))
# How often each step is drawn, by the name of the state machine's rule.
WEIGHTS = {
    "let_time_pass": 4,
    "settle": 2,
    "report": 5,
    "register_unit": 2,
    "expand": 3,
    "retire": 1,
    "remove": 2,
    "start": 3,
    "redeem": 5,
    "undo": 3,
    "redeem_a_key_again": 2,
    "release": 4,
    "allocate_what_is_missing": 8,
    "allocate_anything": 4,
}


def first_day(rng: random.Random) -> date:
    """The day on which a history begins."""
    return rng.choice(FIRST_DAYS) if rng.random() < 0.5 else date(2020, 1, 1) + timedelta(days=rng.randrange(40 * 365))


def days(rng: random.Random) -> int:
    """How many days pass."""
    return rng.choice((rng.choice(COUNTED_DAYS), rng.randint(0, 40), rng.randint(0, 800)))


def quantity(rng: random.Random) -> int:
    """How many of something; mostly few."""
    return rng.randint(0, rng.choice((4, 30)))


def step(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """A step and what it is told."""
    [name] = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
    if name == "let_time_pass":
        return name, {"days": days(rng)}
    told: dict[str, Any] = {"number": rng.choice(ORGANIZATIONS)}
    if name in ("settle",):
        return name, told
    if name in ("expand", "retire"):
        told["which"] = rng.randint(0, 3)
        if name == "expand":
            told["quantities"] = (rng.randint(0, 9), rng.randint(0, 9))
        return name, told
    if name == "remove":
        return name, told | {"system": rng.choice(SYSTEMS)}
    return name, told | {"product": rng.choice(PRODUCTS)} | _of_product(name, rng)


def _of_product(name: str, rng: random.Random) -> dict[str, Any]:
    pair = (quantity(rng), quantity(rng))
    if name == "report":
        return {"system": rng.choice(SYSTEMS), "quantities": pair, "unit": rng.choice(UNITS)}
    if name == "register_unit":
        return {"unit": rng.choice(SERIALS), "quantities": (rng.randint(0, 3), rng.randint(0, 3))}
    if name == "redeem":
        licenses = (rng.randint(0, 60), rng.randint(0, 60))
        return {"quantities": licenses, "kind": rng.choice(("subscription", "subscription", "hardware"))}
    if name == "undo":
        return {"recent": rng.randint(0, 3)}
    if name == "redeem_a_key_again":
        return {"recent": rng.randint(0, 3), "into": rng.choice(ORGANIZATIONS)}
    if name == "release":
        return {"back": rng.choice((0, 0, 0, 1, -1, 5)), "accept": rng.random() < 0.5}
    if name == "allocate_what_is_missing":
        return {"years": rng.randint(1, 7), "skip": rng.choice((6, 6, 6, 0, 1, 2))}
    if name == "allocate_anything":
        return {"entered": [(rng.randint(0, 5), rng.randint(0, 5)) for _year in range(rng.randint(0, 4))]}
    return {}
