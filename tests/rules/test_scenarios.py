"""Twice forty histories, without and with hardware, made from the rules by a model apart from this project."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from licensemgr.portal.playing import Player

DATA = Path(__file__).parent.parent / "data"
STEPS = {"scenarios": 3200, "scenarios-hardware": 3123}


@cache
def _histories(file: str) -> dict[int, list[dict[str, Any]]]:
    histories: dict[int, list[dict[str, Any]]] = {}
    with gzip.open(DATA / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            step = json.loads(line)
            histories.setdefault(step["scenario"], []).append(step)
    return histories


@pytest.mark.parametrize("file", STEPS)
def test_all_forty_histories_are_here(file: str) -> None:
    assert sorted(_histories(file)) == list(range(40))
    assert sum(map(len, _histories(file).values())) == STEPS[file]


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("scenario", range(40))
@pytest.mark.parametrize("file", STEPS)
def test_every_number_and_every_refusal_of_the_history(file: str, scenario: int) -> None:
    player = Player()
    for number, step in enumerate(_histories(file)[scenario]):
        played = player.play_step(step)
        where = f"step {number} of scenario {scenario} in {file}: {step['action']} on {step['on']}"
        assert played["refused"] == step["refused"], where
        assert played["then"] == step["then"], where
