"""Walks the runbook of docs/operations.md for real, on a PostgreSQL of its own.

    python -m tests.restoring                # one walk: a base backup under load, a restore to a second, a dump restored
    python -m tests.restoring restores 20    # so many restores to random seconds, from one base backup

SEED draws everything that is random, and is printed. The long one goes on where it was interrupted, at the same commit: what is
done is in var/restoring.json.
"""

import os
import random
import re
import shutil
import signal
import sys
import time
from datetime import datetime, timedelta

from tests.figures import done, forget, note
from tests.restoring import journal
from tests.restoring.loading import install, under_load
from tests.restoring.server import Runbook, Server, a_server

PROGRAM = "restoring"
# Acknowledged changes before the base backup and, at least, after it; seconds of load after it in one walk, and for many restores.
CHANGES = 50
SECONDS_OF_ONE, SECONDS_OF_MANY = 6, 60


def say(what: str, begun: float = time.monotonic()) -> None:
    """A line, and since when."""
    print(f"{time.monotonic() - begun:6.1f} s  {what}", flush=True)


def backed_up_under_load(server: Server, runbook: Runbook, rng: random.Random, seconds: float) -> list[datetime]:
    """An installation that worked before, during and after its base backup; the whole seconds to which it can be restored."""
    codes = install(server)
    runbook.walk("Archive the log", server)
    say("A portal is installed, the log is archived.")
    with under_load(server, codes, rng) as load:
        load.wait_for(CHANGES)
        runbook.walk("Base backup", server, BASE=str(server.backups / "base"))
        # Later than all that the backup holds already.
        backed_up_at = server.ask("SELECT clock_timestamp()")[0][0]
        until = time.monotonic() + seconds
        load.wait_for(CHANGES)
        while time.monotonic() < until:
            load.wait_for(1)
    changes = journal.read(load.folder)
    last = max(change.acknowledged for change in changes)
    first = backed_up_at.replace(microsecond=0) + timedelta(seconds=1)
    found = [first + timedelta(seconds=number) for number in range(int((last - first).total_seconds()))]
    say(
        f"{len(changes)} changes were acknowledged by {len(codes)} customers and the daily job; {len(found)} whole seconds."
    )
    return found


def restore(server: Server, runbook: Runbook, at: datetime, *, again: bool = False) -> str:
    """Restore the server that was lost to a second, in a new data folder, and look at it (``again``, shortly); a sentence."""
    changes = journal.read(server.portal)
    server.data = server.folder / f"data-{time.monotonic_ns()}"
    words = {"BASE": str(server.backups / "base"), "LOST": str(server.first), "SECOND": at.isoformat(" ")}
    runbook.walk("To a second", server, **words)
    check_named(runbook.look(server, again=again), changes, at)
    found = journal.differences(server, changes, at)
    assert not found, "\n".join(found[:20])
    # The same look finds what is too little and what is too much, where the second is another.
    times = [change.acknowledged for change in changes]
    assert journal.differences(server, changes, min(times)) and journal.differences(server, changes, max(times))
    return (
        f"Restored to {at:%H:%M:%S}: {sum(change.acknowledged <= at for change in changes)} acknowledged changes are there once, "
        f"{sum(change.begun > at for change in changes)} later ones are not, {journal.on_their_way(changes, at)} were on their way."
    )


def check_named(said: str, changes: list[journal.Change], at: datetime) -> None:
    """`reconcile_issued` names the license files that were given after the second, and no other."""
    named = set(re.findall(r"(?m)^([0-9a-f-]{36}): system", said))
    must, may = journal.given_after(changes, at)
    assert must <= named <= must | may, f"not named: {must - named}; named, and given before: {named - must - may}"


def restore_dump(server: Server, runbook: Runbook, counts: dict[str, int]) -> str:
    """Restore the dump into a server that is empty, and look at it; a sentence."""
    server.stop()
    server.data = server.folder / "data-of-the-dump"
    server.make()
    runbook.walk("From a dump", server)
    assert server.counts() == counts, (server.counts(), counts)
    # Its tables are those of the one before, and so is the portal that looks at them.
    runbook.look(server, again=True)
    changes = journal.read(server.portal)
    found = journal.differences(server, changes, max(change.acknowledged for change in changes))
    assert not found, "\n".join(found[:20])
    return f"The dump restored into an empty server: {sum(counts.values())} rows in {len(counts)} tables, as in the one it is of."


def walk(rng: random.Random) -> None:
    """The whole runbook, once."""
    runbook = Runbook.read()
    with a_server() as server:
        seconds = backed_up_under_load(server, runbook, rng, SECONDS_OF_ONE)
        runbook.walk("Dump", server)
        counts = server.counts()
        # The machine is lost.
        server.stop()
        say(restore(server, runbook, rng.choice(seconds[1:-1])))
        runbook.walk("Go on", server)
        runbook.walk("Base backup", server, BASE=str(server.backups / "base-after"))
        say("It archives again, and is backed up.")
        say(restore_dump(server, runbook, counts))
    unwalked = set(runbook.blocks) - runbook.walked
    assert not unwalked, f"in the runbook, and not walked: {unwalked}"


def restores(rng: random.Random, number: int) -> None:
    """So many restores to random seconds under load, from one base backup."""
    runbook = Runbook.read()
    with a_server() as server:
        seconds = backed_up_under_load(server, runbook, rng, SECONDS_OF_MANY)
        server.stop()
        for place in range(number):
            say(restore(server, runbook, rng.choice(seconds[1:-1]), again=place > 0))
            server.stop()
            shutil.rmtree(server.data)
            note(PROGRAM, {"restores": 1})


def main() -> None:
    """What the command line says."""
    begun = time.monotonic()
    # Whoever ends it leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("ended"))
    seed = os.environ.get("SEED") or str(random.randrange(2**31))
    print(f"SEED={seed}", flush=True)
    rng = random.Random(seed)
    if len(sys.argv) == 1:
        walk(rng)
        print(f"1 walk of the runbook passed in {time.monotonic() - begun:.0f} s")
        return
    assert sys.argv[1] == "restores", sys.argv
    wanted, before = int(sys.argv[2]), done(PROGRAM)["restores"]
    restores(rng, wanted - before)
    forget(PROGRAM)
    earlier = f", {before} of them in runs that were interrupted" if before else ""
    print(f"{wanted} restores passed in {time.monotonic() - begun:.0f} s{earlier}")


if __name__ == "__main__":
    main()
