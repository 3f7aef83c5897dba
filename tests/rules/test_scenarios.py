"""Forty histories that a model apart from this project made from the rules: every number and every refusal."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from licensemgr.portal.playing import Player

FILE = Path(__file__).parent.parent / "data" / "scenarios.jsonl.gz"


@cache
def _histories() -> dict[int, list[dict[str, Any]]]:
    histories: dict[int, list[dict[str, Any]]] = {}
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            step = json.loads(line)
            histories.setdefault(step["scenario"], []).append(step)
    return histories


def test_all_forty_histories_are_here() -> None:
    assert sorted(_histories()) == list(range(40))
    assert sum(map(len, _histories().values())) == 3200


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", range(40))
def test_every_number_and_every_refusal_of_the_history(scenario: int) -> None:
    player = Player()
    for number, step in enumerate(_histories()[scenario]):
        played = player.play_step(step)
        where = f"step {number} of scenario {scenario}: {step['action']} on {step['on']}"
        assert played["refused"] == step["refused"], where
        assert played["then"] == step["then"], where
