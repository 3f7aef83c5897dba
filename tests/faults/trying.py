"""Runs tests in a throw-away copy of the tree, whole or with one fault in it."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import urllib.parse
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.faults.fault import ROOT, Fault, On

# What the copy does without: of the repository, of what is installed, of what runs wrote.
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "node_modules", "var", "*.sqlite3*")
# Plugins that no fault's tests need, and which take their time to load.
_WITHOUT = [
    part
    for plugin in ("randomly", "cacheprovider", "xdist", "playwright", "schemathesis", "anyio")
    for part in ("-p", f"no:{plugin}")
]
# So long, in seconds, the tests of one fault may take; a fault by which they hang is not caught.
PATIENCE = 600


@dataclass(frozen=True)
class Outcome:
    """What became of a run: how many tests passed and failed, pytest's own exit status, and what it printed."""

    passed: int
    failed: int
    status: int
    printed: str


class Copy:
    """A copy of the tree in a folder of its own.

    ``migrated`` is an empty SQLite database with all tables, of which each run gets a copy, so that it need not make them; where
    it is None, and where the fault is in what makes the tables, it does. ``name`` is that of the database on PostgreSQL.
    """

    def __init__(self, folder: Path, *, migrated: str | None, name: str) -> None:
        self._folder = folder / "tree"
        self._ready = folder / "ready.sqlite3"
        self._compiled = folder / "compiled"
        self._migrated = migrated
        self._name = name
        shutil.copytree(ROOT, self._folder, ignore=LEFT_OUT, symlinks=True)

    def run_with(self, fault: Fault) -> Outcome:
        """The fault's tests, with the fault in the copy while they run."""
        path = self._folder / fault.path
        whole = path.read_text(encoding="utf-8")
        self._write(path, fault.broken(whole))
        try:
            return self.run(fault.tests, fault.on, makes_tables=fault.is_in_tables)
        finally:
            self._write(path, whole)

    def run(self, tests: Iterable[str], on: On, *, makes_tables: bool = False) -> Outcome:
        """Those tests, by a pytest of their own, in their order."""
        environment = _environment(on, self._name) | {"PYTHONPYCACHEPREFIX": str(self._compiled)}
        command = [sys.executable, "-m", "pytest", "-q", "--tb=line", *_WITHOUT]
        if self._migrated is not None and not makes_tables:
            _copy_database(self._migrated, self._ready)
            environment["TEST_DATABASE"] = str(self._ready)
            command.append("--reuse-db")
        done = subprocess.run(
            [*command, *tests],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Outcome(_count(done.stdout, "passed"), _count(done.stdout, "failed"), done.returncode, done.stdout)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        # Python takes a compiled file for fresh that is as old, in seconds, and as long as its source.
        for compiled in (self._compiled / path.parent.relative_to(path.anchor)).glob(f"{path.stem}.*.pyc"):
            compiled.unlink()


def _copy_database(origin: str, target: Path) -> None:
    for left in target.parent.glob(f"{target.name}*"):
        left.unlink()
    with closing(sqlite3.connect(origin)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


def _environment(on: On, database: str) -> dict[str, str]:
    """This process's environment without what its own tests and pytest-xdist put there, and with the database in which to run."""
    # With PYTHONDONTWRITEBYTECODE each run would compile everything; with a share the tests of a fault might not be drawn.
    ours = (
        *("PYTEST_", "VAR_DIR", "DATABASE_URL", "REDIS_URL", "PROOF", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"),
        *("SLOW_SHARE", "BROWSER_SHARE"),
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["MODE"] = "test"
    if on is On.POSTGRESQL:
        url = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
        environment["DATABASE_URL"] = url._replace(path=f"/{database}").geturl()
    return environment


def _count(printed: str, word: str) -> int:
    closing = printed.rstrip().rpartition("\n")[2]
    found = re.search(rf"(\d+) {word}", closing)
    return int(found[1]) if found else 0
