"""A million random operations against the model, on the database of DATABASE_URL or on SQLite.

    python -m tests.rules.operations alone 900000      # histories one by one, in JOBS processes
    python -m tests.rules.operations at-once 100000    # by 16 clients at once

SEED draws them, and is printed. An interrupted run goes on at the same commit: what is done is in var/.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.figures import done, forget, note
from tests.processes.stack import ROOT

# What a process plays before another one takes its place, with a database that is empty again.
SHARE = 20_000
_PLAYED = "played "


def main() -> None:
    """Share the operations among processes until all are played."""
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("ended"))
    what, wanted = sys.argv[1], int(sys.argv[2])
    if what == "play":
        play(sys.argv[3], sys.argv[4], wanted)
        return
    begun = time.monotonic()
    seed = os.environ.get("SEED") or str(random.randrange(2**31))
    on = "postgresql" if "postgresql" in os.environ.get("DATABASE_URL", "") else "sqlite"
    program = f"operations-{what}-{on}"
    jobs = int(os.environ.get("JOBS", "2")) if what == "alone" else 1
    before = done(program)["operations"]
    print(f"SEED={seed}", flush=True)
    number = 0
    while (now := done(program)["operations"]) < wanted:
        number += 1
        share = max(1, min(SHARE, (wanted - now) // jobs + 1))
        _play_beside(program, [(what, f"{seed}/{before}/{number}/{job}", share) for job in range(jobs)])
        seconds = time.monotonic() - begun
        played = done(program)["operations"]
        print(f"{seconds:8.0f} s  {played} operations, {(played - before) / seconds:.1f} a second", flush=True)
    played = done(program)["operations"]
    forget(program)
    earlier = f", {before} of them in runs that were interrupted" if before else ""
    print(f"{played} operations passed in {time.monotonic() - begun:.0f} s{earlier}")


def _play_beside(program: str, shares: list[tuple[str, str, int]]) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.rules.operations", "play", str(share), what, seed],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for what, seed, share in shares
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(_PLAYED):
                    note(program, {"operations": int(line.removeprefix(_PLAYED))})
        failed = [seed for (_what, seed, _share), process in zip(shares, processes, strict=True) if process.wait()]
        if failed:
            raise SystemExit(f"failed: {failed}; its output says why")
    finally:
        # Each takes its database away.
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def play(what: str, seed: str, number: int) -> None:
    """Play in this process, in a database of its own; a line for each few, of how many they were."""
    os.environ |= {"MODE": "test", "DJANGO_SETTINGS_MODULE": "licensemgr.settings"}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VAR_DIR"] = folder
        import django

        django.setup()
        from django.db import connection

        name = f"operations_{os.getpid()}"
        is_file = connection.vendor == "sqlite" and what == "at-once"
        connection.settings_dict["TEST"]["NAME"] = (
            str(Path(folder) / name) if is_file else None if connection.vendor == "sqlite" else name
        )
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            for played in _histories(what)(seed, number):
                print(f"{_PLAYED}{played}", flush=True)
        finally:
            connection.creation.destroy_test_db("", verbosity=0)


def _histories(what: str) -> Callable[[str, int], Iterator[int]]:
    from tests.rules import at_once, long_histories

    return at_once.histories if what == "at-once" else long_histories.histories


if __name__ == "__main__":
    main()
