"""Every kind of fault by its name, how often it is drawn, and whether it is a kill."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.rig import faults, kills, races
from tests.rig.rig import Rig


@dataclass(frozen=True)
class Kind:
    """A kind of fault. ``is_kill``: a process is ended by SIGKILL each time."""

    name: str
    do: Callable[[Rig], str]
    weight: int
    is_kill: bool = True


KINDS = (
    Kind("web process at random", kills.web_child, 20),
    Kind("web process at a point", kills.web_child_at_point, 24),
    Kind("web server", kills.web_whole, 4),
    Kind("worker at random", kills.worker, 9),
    Kind("worker at a point", kills.worker_at_point, 11),
    Kind("PostgreSQL's backend", kills.backend, 12),
    Kind("PostgreSQL's postmaster", kills.postmaster, 10),
    Kind("Redis", kills.redis, 8),
    Kind("beat", kills.beat, 2),
    Kind("beat down for ten days", faults.beat_down_for_ten_days, 1, is_kill=False),
    Kind("two beats", faults.two_beats, 1, is_kill=False),
    Kind("a task ten times", faults.task_ten_times, 1, is_kill=False),
    Kind("mail server down", faults.mail_server_down, 1, is_kill=False),
    Kind("disk full", faults.disk_full, 2, is_kill=False),
    Kind("web process hangs", faults.web_child_hangs, 2, is_kill=False),
    Kind("worker hangs", faults.worker_hangs, 1, is_kill=False),
    Kind("16 people, the last license", races.last_license, 2, is_kill=False),
    Kind("one key, 8 organizations", races.one_key, 2, is_kill=False),
    Kind("opposite allocations", races.opposite_allocations, 1, is_kill=False),
    Kind("an upload and a settle", races.upload_and_settle, 2, is_kill=False),
    Kind("a role removed", races.role_removed, 2, is_kill=False),
)


def drawn(rng: random.Random, number: int, *, has_own_disk: bool) -> list[Kind]:
    """So many kinds at random, by their weights."""
    kinds = [kind for kind in KINDS if has_own_disk or kind.do is not faults.disk_full]
    return rng.choices(kinds, [kind.weight for kind in kinds], k=number)


def sample(rng: random.Random, number: int) -> list[Kind]:
    """So many kills: one of each kind, and more of those that are quick."""
    every = [kind for kind in KINDS if kind.is_kill]
    quick = [
        kind
        for kind in every
        if kind.do in (kills.web_child, kills.web_child_at_point, kills.backend, kills.postmaster)
    ]
    found = every + rng.choices(quick, k=max(0, number - len(every)))
    rng.shuffle(found)
    return found[:number]
