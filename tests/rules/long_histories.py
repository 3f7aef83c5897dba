"""Random histories for as long as one likes, by plain draws: the state machine's own steps, compared every so many of them."""

import os
import random
from collections.abc import Iterator
from typing import Any

from licensemgr.core.errors import Refused
from tests.factories import dump_books
from tests.rules import drawing
from tests.rules.test_state_machine import Histories

# Steps of one history, which is rolled back then; and after how many of them every number is compared.
STEPS, COMPARED_EVERY = 200, 20


class LongHistories(Histories):
    """The state machine without its search for the shortest failing history: a seed repeats one."""

    def __init__(self) -> None:
        super().__init__()
        self._since = 0

    def agree(self, number: int) -> None:
        self._since += 1
        if self._since >= COMPARED_EVERY:
            self._since = 0
            for each in range(len(self.real)):
                super().agree(each)

    def act(self, number: int, expected: str | None, change: Any) -> None:
        """Refusals have to agree each time; that nothing is written then is looked at now and then."""
        before = dump_books(self.real[number]) if expected and self._since == 0 else None
        refused: str | None = None
        try:
            change()
        except Refused as error:
            refused = error.code
        assert refused == expected, f"refused for {refused}, and the model expects {expected}"
        if before is not None:
            assert dump_books(self.real[number]) == before
        self.agree(number)


def histories(seed: str, number: int) -> Iterator[int]:
    """Play so many steps; tells after each history how many were played. Raises AssertionError with the history's own seed."""
    played = history = 0
    while played < number:
        name = f"{seed}/{history}"
        try:
            _play(random.Random(name))
        except BaseException as error:
            error.add_note(f"The history is drawn by random.Random({name!r}), {STEPS} steps, process {os.getpid()}.")
            raise
        history += 1
        played += STEPS
        yield STEPS


def _play(rng: random.Random) -> None:
    machine = LongHistories()
    try:
        beginnings = (rng.randint(0, 4), rng.randint(0, 4), rng.randint(0, 4))
        machine.begin(today=drawing.first_day(rng), beginnings=beginnings, years=rng.randint(2, 6))
        for _step in range(STEPS):
            name, told = drawing.step(rng)
            getattr(machine, name)(**told)
    finally:
        machine.teardown()
