"""A PostgreSQL of its own in a temporary folder, the runbook of docs/operations.md, and what it takes to walk it."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.processes.stack import ROOT

OWNER = "license_manager"
# How long a server that was killed may take until it can be started again: its children have to notice.
SECONDS = 30.0


def programs() -> str:
    """The folder of PostgreSQL's programs: Debian keeps those of a server out of PATH. Raises SystemExit."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    there = shutil.which("initdb")
    if not found and there is None:
        raise SystemExit("There is no PostgreSQL server's initdb on this machine. Nothing was tried.")
    return str(found[-1]) if found else str(Path(str(there)).parent)


def somebody() -> dict[str, Any]:
    """As whom PostgreSQL runs: it refuses to be root, as a container of a CI is."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}


def port_to_keep() -> int:
    """A port on which nobody listens, below those from which a system connects: nobody gets it while the server is away."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise SystemExit("Of a hundred ports none is free. Nothing was tried.")


@dataclass
class Server:
    """One installation: data folders, backups, the portal's environment. ``data`` is the folder that is in use."""

    folder: Path
    port: int = field(default_factory=port_to_keep)
    data: Path = field(init=False)

    def __post_init__(self) -> None:
        self.data = self.first
        self.backups.mkdir()
        self.portal.mkdir()
        shutil.copy(ROOT / "deploy" / "archive_wal.sh", self.backups)
        if somebody():
            for path in (self.folder, self.backups):
                shutil.chown(path, "postgres", "postgres")
        self.folder.chmod(0o755)

    @property
    def backups(self) -> Path:
        """What the runbook calls BACKUPS."""
        return self.folder / "backups"

    @property
    def first(self) -> Path:
        """The data folder with which it began."""
        return self.folder / "data-1"

    @property
    def portal(self) -> Path:
        """Where the portal keeps its files, and the load its journals."""
        return self.folder / "portal"

    @property
    def issue_log(self) -> Path:
        """Where the portal notes each license file, outside of the database."""
        return self.portal / "issue-log"

    def environment(self, **more: str) -> dict[str, str]:
        """What PostgreSQL's programs are told; ``more`` are the runbook's words."""
        return {
            "PATH": f"{programs()}:{os.environ['PATH']}",
            "LC_ALL": "C",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATA": str(self.data),
            "BACKUPS": str(self.backups),
            "LOST": "",
            **more,
        }

    def portal_environment(self) -> dict[str, str]:
        """What the portal is told: it signs in as the web, which is no owner. Commands of upkeep add `owner_url`."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MODE": "test",
            "DJANGO_SETTINGS_MODULE": "licensemgr.settings",
            "DATABASE_URL": f"postgresql://{OWNER}_web:web@127.0.0.1:{self.port}/{OWNER}",
            "DATABASE_ROLES": OWNER,
            "VAR_DIR": str(self.portal),
            "ISSUE_LOG_DIR": str(self.issue_log),
            # The load is a few systems that report without pause.
            "API_CALLS_PER_HOUR": "1000000",
            "API_UNPROVED_CALLS_PER_HOUR": "200",
        }

    @property
    def owner_url(self) -> str:
        """As the owner of the tables."""
        return f"postgresql://{OWNER}:owner@127.0.0.1:{self.port}/{OWNER}"

    def url(self, database: str = OWNER) -> str:
        """As a superuser, who sees every row."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def run(self, *command: str, **more: str) -> str:
        """What a command prints that is run as PostgreSQL's user. Raises AssertionError with what it said."""
        ended: subprocess.CompletedProcess[str] = subprocess.run(
            command, env=self.environment(**more), cwd="/", capture_output=True, text=True, check=False, **somebody()
        )
        assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}{self.log()}"
        return ended.stdout

    def log(self) -> str:
        """The end of the server's own log."""
        path = self.data / "log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def make(self, *settings: str) -> None:
        """A new, empty server in ``data``, which listens on this machine alone; ``settings`` are lines of its own."""
        # Who may sign in is not what is tried here.
        self.run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
            file.writelines(f"{line}\n" for line in settings)
        self.start()

    def start(self) -> None:
        """Start it; what is left of one that was killed goes away first."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self.run("pg_ctl", "start", "--silent", "--wait", f"--log={self.data / 'log'}")
                return
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def start_where_it_ended(self) -> None:
        """Start it unless it runs, or is about to."""
        with contextlib.suppress(AssertionError):
            self.run("pg_ctl", "status")
            return
        self.start()

    def stop(self, mode: str = "immediate") -> None:
        """Stop it, by default as if the machine went away; nothing where it does not run."""
        with contextlib.suppress(AssertionError):
            self.run("pg_ctl", "stop", "--silent", "--wait", f"--mode={mode}")

    def kill(self) -> None:
        """End the postmaster by SIGKILL."""
        os.kill(int((self.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)

    def ask(self, statement: str, database: str = OWNER) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        tables = self.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return {table: self.ask(f'SELECT count(*) FROM "{table}"')[0][0] for (table,) in tables}

    def manage(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command of manage.py, as the owner."""
        return self.as_portal(f"python manage.py {' '.join(command)}")

    def as_portal(self, line: str) -> "subprocess.CompletedProcess[str]":
        """A line of the runbook that is for the portal's machine."""
        environment = self.portal_environment() | {"DATABASE_OWNER_URL": self.owner_url}
        return subprocess.run(
            ["sh", "-euc", line], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )


@contextlib.contextmanager
def a_server() -> Iterator[Server]:
    """A folder that is gone afterwards, with a server in it that is empty and runs."""
    with tempfile.TemporaryDirectory(prefix="license-manager-restoring-") as folder:
        server = Server(Path(folder))
        try:
            server.make()
            yield server
        finally:
            server.stop()


@dataclass
class Runbook:
    """The blocks of commands in docs/operations.md, by the heading above each; ``walked`` are those that were run."""

    blocks: Mapping[str, tuple[str, str]]
    walked: set[str] = field(default_factory=set)

    @classmethod
    def read(cls) -> "Runbook":
        """Read the document: what counts are the blocks that say on whose machine they are run."""
        blocks: dict[str, tuple[str, str]] = {}
        text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        for part in re.split(r"(?m)^###? ", text)[1:]:
            for where, commands in re.findall(r"(?ms)^```sh (postgres|portal)\n(.*?)^```$", part):
                heading = part.splitlines()[0]
                assert heading not in blocks, f"{heading} has two blocks"
                blocks[heading] = (where, commands)
        return cls(blocks)

    def walk(self, heading: str, server: Server, **words: str) -> None:
        """Run a block that is for PostgreSQL's machine."""
        where, commands = self.blocks[heading]
        assert where == "postgres", heading
        server.run("sh", "-euc", commands, **words)
        self.walked.add(heading)

    def look(self, server: Server, *, again: bool = False) -> str:
        """Run the block that is for the portal's machine; what `reconcile_issued` said, by which alone it may fail.

        ``again``: of a server that another look has shown to take the block's other commands, the two that look at the books.
        """
        where, commands = self.blocks["Look at it"]
        assert where == "portal"
        said = ""
        for line in commands.splitlines():
            if again and not re.search("verify_books|reconcile_issued", line):
                continue
            ended = server.as_portal(line)
            said = ended.stdout
            names_files = "reconcile_issued" in line and "unknown to the books: 0" not in said
            assert ended.returncode == (1 if names_files else 0), f"{line}: {said}{ended.stderr}"
            assert "verify_books" not in line or "differences: 0" in said, said
        self.walked.add("Look at it")
        return said
