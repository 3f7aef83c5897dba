"""Ends parts of a running portal under load, and looks after each whether anything was lost, doubled or halved.

    python -m tests.rig kills 1000     # until there were so many kills, of all kinds; goes on where it was interrupted
    python -m tests.rig sample 15      # so many kills, at least one of each kind
    python -m tests.rig sqlite 200     # so many kills of whoever writes to SQLite, eight people at once
    python -m tests.rig one "disk full" 3     # one kind, so often

SEED draws everything that is random, and is printed. What is done at a commit is in var/rig.json.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.figures import done, forget, note
from tests.processes.stack import ROOT
from tests.rig import (
    environment,  # noqa: F401 - Django is set up before anything of the portal is imported
    on_sqlite,
)
from tests.rig.kinds import KINDS, Kind, drawn, sample
from tests.rig.portal import running_portal
from tests.rig.rig import Rig

PROGRAM, SQLITE = "rig", "rig-on-sqlite"
# Faults that one portal lives through; then there is a new one.
FAULTS_OF_ONE_PORTAL = 60
# With fewer license keys a portal lives through no more faults: during one people may use up some hundreds.
KEYS_KEPT = 500
# In how many seconds people and jobs were served after a return, for the figures.
RETURNS = (1, 2, 5, 10)
_BEGUN = time.monotonic()


def say(what: str) -> None:
    """A line, and since when."""
    print(f"{time.monotonic() - _BEGUN:7.1f} s  {what}", flush=True)


def live_through(
    seed: str,
    kinds: Sequence[Kind] | None,
    number: int,
    books_every: int,
    keep: Callable[[Counter[str]], object],
    kept: Path | None = None,
) -> None:
    """Faults in one portal, those given or so many at random; what went well is kept at once. Raises AssertionError."""
    rng = random.Random(seed)
    with running_portal(kept=kept) as portal:
        say(f"A portal runs, of {len(portal.stack.running)} parts.")
        rig = Rig(portal, rng)
        rig.load.begin()
        try:
            rig.work(20, 20)
            chosen = drawn(rng, number, has_own_disk=portal.has_own_disk) if kinds is None else kinds
            for place, kind in enumerate(chosen, start=1):
                if kinds is None and rig.load.keys_left() < KEYS_KEPT:
                    break
                rig.work()
                say(f"{kind.name}: {_live_through_one(rig, kind, with_books=place % books_every == 0, keep=keep)}.")
            rig.look_at_the_end()
        except BaseException:
            print(portal.said(), f"seed {seed}; {rig.figures()}", sep="\n", flush=True)
            raise
        say(f"Nothing is lost: {rig.figures()}.")
        if not portal.has_own_disk:
            say("No disk was full: this machine lets no filesystem be mounted.")


def _live_through_one(rig: Rig, kind: Kind, *, with_books: bool, keep: Callable[[Counter[str]], object]) -> str:
    """A fault, and the look after it."""
    kills = rig.kills
    said = kind.do(rig)
    rig.look(with_books=with_books)
    counted = Counter({kind.name: 1, "kills": kind.is_kill + rig.kills - kills})
    counted["changes"] = rig.newly_acknowledged()
    # Those of the work before it are counted with it.
    counted["ended"], rig.portal.started_again = rig.portal.started_again, 0
    counted.update(_within(seconds) for seconds in rig.returns)
    rig.returns.clear()
    keep(counted)
    return said


def kills(seed: str, wanted: int) -> None:
    """Portal after portal until there were so many kills."""
    number = 0
    with tempfile.TemporaryDirectory(prefix="license-manager-rig-") as kept:
        while (now := done(PROGRAM))["kills"] < wanted:
            number += 1
            faults = min(FAULTS_OF_ONE_PORTAL, wanted - now["kills"] + 1)
            live_through(f"{seed}/{number}", None, faults, books_every=1, keep=partial(note, PROGRAM), kept=Path(kept))
    say(_closing(done(PROGRAM)))
    forget(PROGRAM)


def sqlite(seed: str, wanted: int) -> None:
    """Portal after portal on SQLite until there were so many kills."""
    number = 0
    while (now := done(SQLITE))["kills"] < wanted:
        number += 1
        count = min(FAULTS_OF_ONE_PORTAL, wanted - now["kills"])
        changes, figures = on_sqlite.kill_writers(random.Random(f"{seed}/{number}"), count)
        note(SQLITE, {"kills": count, "changes": changes})
        say(f"{count} kills, nothing is lost: {figures}.")
    counted = done(SQLITE)
    say(f"{counted['kills']} kills of writers passed, {counted['changes']} acknowledged changes are there once")
    forget(SQLITE)


def _within(seconds: float) -> str:
    return next((f"within {limit} s" for limit in RETURNS if seconds <= limit), "later")


def _closing(counted: Counter[str]) -> str:
    kinds = ", ".join(f"{kind.name} {counted[kind.name]}" for kind in KINDS if counted[kind.name])
    returns = ", ".join(
        f"{counted[name]} {name}" for name in (*(f"within {limit} s" for limit in RETURNS), "later") if counted[name]
    )
    return (
        f"{counted['kills']} kills passed, {counted['changes']} acknowledged changes are there once; "
        f"served again: {returns}; parts that ended by themselves and were started again: {counted['ended']}; {kinds}"
    )


def main() -> None:
    """What the command line says."""
    # Whoever ends it leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("ended"))
    os.chdir(ROOT)
    seed = os.environ.get("SEED") or str(random.randrange(2**31))
    print(f"SEED={seed}", flush=True)
    what = sys.argv[1]
    if what == "kills":
        kills(seed, int(sys.argv[2]))
    elif what == "sqlite":
        sqlite(seed, int(sys.argv[2]))
    else:
        if what == "sample":
            kinds = sample(random.Random(seed), int(sys.argv[2]))
        else:
            kinds = [kind for kind in KINDS if kind.name == sys.argv[2]] * int(sys.argv[3])
        counted: Counter[str] = Counter()
        live_through(seed, kinds, 0, books_every=5, keep=counted.update)
        say(_closing(counted))


if __name__ == "__main__":
    main()
