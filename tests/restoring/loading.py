"""Starts and ends the processes of the load, and makes the installation on which they work."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.processes.stack import ROOT
from tests.restoring.server import OWNER, Server

PROCESSES, CUSTOMERS = 2, 4
# After which something hangs, on a machine that has other things to do as well.
SECONDS = 180.0
SEED = "from tests.restoring.seeding import seed; seed({})"


def install(server: Server) -> dict[str, str]:
    """As docs/operations.md says: the owner and its database by hand, the rest by ``migrate``; codes by organization."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD 'owner'".encode())
        connection.execute(f"CREATE DATABASE {OWNER} OWNER {OWNER}".encode())
    migrated = server.manage("migrate", "--no-input", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr
    seeded = server.as_portal(f"python manage.py shell --verbosity 0 --command '{SEED.format(CUSTOMERS)}'")
    assert seeded.returncode == 0, seeded.stderr
    codes: dict[str, str] = json.loads(seeded.stdout)
    return codes


class Load:
    """The processes, while they run; journals and what they said are in ``folder``."""

    def __init__(self, server: Server, codes: dict[str, str], rng: random.Random) -> None:
        self.folder = server.portal
        self._processes: list[subprocess.Popen[bytes]] = []
        whom: list[list[str]] = [[] for _number in range(PROCESSES)]
        for place, (number, code) in enumerate(codes.items()):
            whom[place % PROCESSES].append(f"{number}={code}")
        whom[0] += codes
        for place, mine in enumerate(whom):
            name = f"{place}-{rng.randrange(2**32)}"
            with (self.folder / f"said-{name}").open("wb") as said:
                journal = self.folder / f"journal-{name}.jsonl"
                command = ["-m", "tests.restoring.load", str(journal), str(rng.random()), *mine]
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, *command],
                        cwd=ROOT,
                        env=server.portal_environment(),
                        stdin=subprocess.PIPE,
                        stdout=said,
                        stderr=said,
                    )
                )

    def lines(self) -> int:
        """How many changes were acknowledged so far."""
        return sum(path.read_bytes().count(b"\n") for path in self.folder.glob("journal-*.jsonl"))

    def wait_for(self, more: int) -> None:
        """Until so many changes more are acknowledged."""
        wanted, deadline = self.lines() + more, time.monotonic() + SECONDS
        while self.lines() < wanted:
            assert time.monotonic() < deadline, f"the load hangs: {self.said()}"
            assert all(process.poll() is None for process in self._processes), self.said()
            time.sleep(0.1)

    def said(self) -> str:
        """What the processes wrote beside their journals."""
        return "".join(path.read_text() for path in self.folder.glob("said-*"))[-5000:]

    def end(self) -> None:
        """Let each finish what it began."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            process.wait(timeout=SECONDS)

    def kill(self) -> None:
        """Let none be left."""
        for process in self._processes:
            process.kill()
            process.wait()


@contextmanager
def under_load(server: Server, codes: dict[str, str], rng: random.Random) -> Iterator[Load]:
    """Everybody works within, and has finished after it."""
    load = Load(server, codes, rng)
    try:
        yield load
        load.end()
        assert all(process.returncode == 0 for process in load._processes), load.said()
    finally:
        load.kill()
