"""Ends PostgreSQL by SIGKILL under load: what was acknowledged is there once, and people go on without help."""

import os
import random
import re
import signal
import time
from collections.abc import Iterator

from tests.restoring import journal
from tests.restoring.loading import Load, install, under_load
from tests.restoring.server import OWNER, Server

# Kills between two looks at the books, for which the load ends.
ROUND = 5
# How soon a change is acknowledged after the server is back, in seconds.
BACK_WITHIN = 10.0


def kill(server: Server, rng: random.Random, number: int) -> Iterator[str]:
    """So many kills, of the postmaster or of a backend; a sentence on each, and on each look."""
    codes = install(server)
    while number > 0:
        with under_load(server, codes, rng) as load:
            for _kill in range(min(number, ROUND)):
                load.wait_for(rng.randint(10, 40))
                # At any moment of what is done then.
                time.sleep(rng.random() * 0.2)
                yield _kill_once(server, load, rng)
        number -= ROUND
        yield _look(server)


def _kill_once(server: Server, load: Load, rng: random.Random) -> str:
    if rng.random() < 0.5:
        what = "The postmaster"
        server.kill()
        time.sleep(rng.random())
        server.start()
    else:
        what = "A backend"
        [(pid,)] = server.ask(
            f"SELECT pid FROM pg_stat_activity WHERE usename = '{OWNER}_web' ORDER BY random() LIMIT 1"
        )
        os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    load.wait_for(4)
    seconds = time.monotonic() - begun
    assert seconds < BACK_WITHIN, f"{what} was killed, and it took {seconds:.1f} s"
    return f"{what} was killed; {seconds:.1f} s after its return people are answered."


def _look(server: Server) -> str:
    """The books are right, each acknowledged change is there once, and no file in the field is unknown."""
    verified = server.manage("verify_books")
    assert verified.returncode == 0 and "differences: 0" in verified.stdout, verified.stdout + verified.stderr
    changes = journal.read(server.portal)
    found = journal.differences(server, changes, max(change.acknowledged for change in changes))
    assert not found, "\n".join(found[:20])
    said = server.as_portal('python manage.py reconcile_issued "$ISSUE_LOG_DIR"/issued-*.jsonl').stdout
    # One that was noted and not committed when the server ended was never given.
    named = set(re.findall(r"(?m)^([0-9a-f-]{36}): system", said))
    given = {change.name for change in changes if change.what == "license file"}
    assert "license files in the logs" in said and not named & given, named & given
    return f"{len(changes)} acknowledged changes are there once; {len(named)} license files were noted and never given."
