"""Parts that are ended by SIGKILL under load. Each returns a sentence, after people or jobs are served again."""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tests.rig import points
from tests.rig.portal import RUN_DAILY, SEND_OUTBOX, WORKERS
from tests.rig.rig import Rig

# A point that nobody comes to in so many seconds is none of this portal's.
REACHED_WITHIN = 60.0


def web_child(rig: Rig) -> str:
    """One process of the web server, at any moment; its main process starts another."""
    rig.portal.end_child("web", rig.rng)
    return f"people are answered after {rig.answers_again():.1f} s"


def web_child_at_point(rig: Rig) -> str:
    """A process of the web server ends itself at a named point."""
    point = rig.rng.choice(points.OF_WEB)
    _wait_until_reached(rig.portal.arm("web", point))
    return f"at “{point}”, people are answered after {rig.answers_again():.1f} s"


def web_whole(rig: Rig) -> str:
    """The web server with all of its processes; it is started again, as by whoever runs containers."""
    rig.portal.kill("web")
    rig.portal.start_web()
    rig.portal.wait_for_web()
    return f"people are answered after {rig.answers_again():.1f} s"


def worker(rig: Rig) -> str:
    """A worker, while jobs come in."""
    rig.see_workers(wait=True)
    name = rig.rng.choice(WORKERS)
    rig.senders_ended += 1
    rig.portal.let_pass(rig.rng.randint(1, 40))
    for _number in range(3):
        rig.portal.send_task(RUN_DAILY)
        rig.portal.send_task(SEND_OUTBOX)
    time.sleep(rig.rng.random() * 0.3)
    return _started_again(rig, [name])


def worker_at_point(rig: Rig) -> str:
    """A worker ends itself at a named point."""
    rig.see_workers(wait=True)
    point = rig.rng.choice(points.OF_WORKER)
    rig.senders_ended += 1
    path = rig.portal.arm("worker", point)
    until = time.monotonic() + REACHED_WITHIN
    while path.exists():
        assert time.monotonic() < until, f"no worker comes to {point}"
        # Years begin and grace ends, licenses expire.
        rig.portal.let_pass(rig.rng.randint(30, 120))
        rig.portal.send_task(RUN_DAILY)
        rig.portal.send_task(SEND_OUTBOX)
        _wait_a_little(path)
    while not (ended := [name for name in WORKERS if not _runs(rig, name)]):
        assert time.monotonic() < until + 1, "no worker ended"
    return f"at “{point}”, {_started_again(rig, ended)}"


def backend(rig: Rig) -> str:
    """A process of PostgreSQL that serves somebody: PostgreSQL ends them all and recovers by itself."""
    rig.senders_ended += len(WORKERS)
    of_portal = f"SELECT pid FROM pg_stat_activity WHERE usename = '{rig.portal.stack.database}_web'"
    while not (rows := rig.portal.ask(f"{of_portal} ORDER BY random() LIMIT 1")):
        rig.work(1, 1)
    with contextlib.suppress(ProcessLookupError):
        os.kill(rows[0][0], signal.SIGKILL)
    return f"people are answered after {rig.answers_again():.1f} s"


def postmaster(rig: Rig) -> str:
    """PostgreSQL; it is started again a moment later."""
    # A mail that was sent just now is sent again where that could not be written down.
    rig.senders_ended += len(WORKERS)
    rig.portal.server.kill()
    time.sleep(rig.rng.random() * 0.5)
    rig.portal.server.start()
    return f"people are answered after {rig.answers_again():.1f} s"


def redis(rig: Rig) -> str:
    """Redis, which comes back and has forgotten everything: jobs that waited are gone, and come again by beat."""
    for _number in range(3):
        rig.portal.send_task(SEND_OUTBOX)
    rig.portal.kill("redis")
    time.sleep(rig.rng.random() * 0.5)
    rig.portal.start_redis()
    people = rig.answers_again()
    return f"people are answered after {people:.1f} s, a job is done after {rig.jobs_run_again():.1f} s"


def beat(rig: Rig) -> str:
    """Beat, which is started again with the schedule that it wrote down."""
    rig.portal.kill("beat1")
    rig.portal.start_beat("beat1")
    return f"people are answered after {rig.answers_again():.1f} s"


def _runs(rig: Rig, name: str) -> bool:
    return rig.portal.stack.running[name].poll() is None


def _started_again(rig: Rig, ended: Sequence[str]) -> str:
    """It takes some seconds, in which the next faults may happen; once it is back a job is done (`Rig.see_workers`)."""
    for name in ended:
        rig.portal.kill(name)
        rig.portal.start_worker(name)
    rig.coming += ended
    if any(name not in rig.coming for name in WORKERS):
        return "the other worker goes on meanwhile"
    rig.see_workers(wait=True)
    return "none is left, until both are back"


def _wait_until_reached(path: Path) -> None:
    until = time.monotonic() + REACHED_WITHIN
    while path.exists():
        assert time.monotonic() < until, f"nobody comes to {path.name}"
        time.sleep(0.02)


def _wait_a_little(path: Path) -> None:
    until = time.monotonic() + 1.5
    while path.exists() and time.monotonic() < until:
        time.sleep(0.02)
