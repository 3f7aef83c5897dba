"""The portal as `manage.py serve` runs it on SQLite, whose writers are ended in the middle; eight people at once."""

import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

from tests.rig.portal import SECONDS, Portal, running_portal
from tests.rig.rig import Rig

PEOPLE = 8
# How long people work before anybody is ended, and nobody may see that the database is locked, in seconds.
UNDISTURBED = 8.0
# The supervisor gives up where a part dies five times in a row, each within half a minute of its start.
BETWEEN_WORKERS = 35.0


class SqlitePortal(Portal):
    """One web process, one worker and one beat under their supervisor."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.path = self.stack.folder / "portal.sqlite3"
        self.environment |= {
            "DATABASE_URL": f"sqlite:///{self.path}",
            "WEB_CONCURRENCY": "1",
        }
        for name in ("DATABASE_PASSWORD_FILE", "DATABASE_ROLES", "DATABASE_POOLER", "REDIS_URL"):
            del self.environment[name]

    def begin(self) -> None:
        self.run("migrate", "--no-input", "--verbosity", "0")
        self.run("createcachetable")
        self.seed()
        port = str(self.stack.port("web"))
        self._start("web", "manage.py", "serve", "--port", port, "--threads", str(PEOPLE), role="web")
        self.wait_for_web()

    def _owner(self) -> dict[str, str]:
        return self.environment

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def end(self) -> None:
        # Its children have sessions of their own, and it ends them.
        if "web" in self.stack.running:
            self.stack.stop("web")
        super().end()

    def start_what_ended(self) -> bool:
        """The supervisor does so; nothing of it ends."""
        assert self.stack.running["web"].poll() is None, self.said()
        return False

    def process(self, words: str) -> int:
        """The process that the supervisor started whose command has these words, once it runs."""
        deadline = time.monotonic() + SECONDS
        # Where setproctitle is installed, gunicorn and Celery write their commands anew, with spaces.
        while not (
            found := [
                pid
                for pid in self.children_of("web")
                if words in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            ]
        ):
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return found[0]

    def writer(self) -> int:
        """The process that answers people: gunicorn's child."""
        deadline = time.monotonic() + SECONDS
        pid = self.process("gunicorn")
        while not (found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)
        return int(found[0])


def kill_writers(rng: random.Random, number: int) -> tuple[int, str]:
    """So many kills of whoever writes; how many changes were acknowledged, and a sentence. Raises AssertionError."""
    with running_portal(SqlitePortal) as portal:
        assert isinstance(portal, SqlitePortal)
        rig = Rig(portal, rng, people=PEOPLE)
        rig.load.begin()
        time.sleep(UNDISTURBED)
        assert not rig.journal.errors, portal.said()
        worker_ended = time.monotonic()
        for _number in range(number):
            rig.work()
            is_worker = time.monotonic() - worker_ended > BETWEEN_WORKERS
            if is_worker:
                worker_ended = time.monotonic()
                rig.senders_ended += 1
            os.kill(
                portal.process("licensemgr.celery worker") if is_worker else portal.writer(),
                signal.SIGKILL,
            )
            rig.answers_again()
            _look(rig, portal)
        rig.load.end()
        _look(rig, portal)
        text = portal.stack.log("web")
        assert "database is locked" not in text, [line for line in text.splitlines() if "locked" in line][:3]
        return rig.journal.acknowledged(), rig.figures()


def _look(rig: Rig, portal: SqlitePortal) -> None:
    assert portal.ask("PRAGMA integrity_check") == [("ok",)]
    rig.look()
