"""Databases of their own, filled from the files of a release, on SQLite and on PostgreSQL."""

import contextlib
import gzip
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.processes.stack import ROOT, Stack

# What the database, its owner and the names of its roles begin with, in the files.
NAME = "portal_of_a_release"
PARTS = ("web", "tenant", "registry", "upkeep", "staff")


@dataclass
class Database:
    """Where something is tried. ``owner`` and ``web`` are what the portal is told: for commands, and for answering."""

    kind: str
    folder: Path
    owner: dict[str, str]
    web: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Of every process of the portal."""
        own = {"MODE": "test", "VAR_DIR": str(self.folder), "ISSUE_LOG_DIR": str(self.folder / "issue-log")}
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "DJANGO_SETTINGS_MODULE": "licensemgr.settings"} | (
            own | more
        )

    def run(self, *command: str, tree: Path = ROOT, web: bool = False) -> str:
        """What a command of Python prints, run in a tree of the code; it has to succeed."""
        environment = self.environment(**(self.web if web else self.owner))
        ended = subprocess.run(
            [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{' '.join(command)} in {tree}:\n{ended.stdout}{ended.stderr}"
        return ended.stdout


@contextlib.contextmanager
def on_sqlite(folder: Path, dump: Path | None) -> Iterator[Database]:
    """A file, empty or filled from a release's."""
    folder.mkdir()
    path = folder / "portal.sqlite3"
    if dump is not None:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(gzip.decompress(dump.read_bytes()).decode())
    yield Database("sqlite", folder, {"DATABASE_URL": f"sqlite:///{path}"})


@contextlib.contextmanager
def on_postgresql(folder: Path, admin_url: str, dump: Path | None) -> Iterator[Database]:
    """A database on the server of ``admin_url``, with roles of its own; all of it is gone afterwards."""
    folder.mkdir()
    stack = Stack(folder, admin_url)
    stack.make_database()
    try:
        web_url = stack.owner_url.replace(f"{stack.database}:pw-", f"{stack.database}_web:web-", 1)
        if dump is not None:
            _make_roles(stack)
            with psycopg.connect(stack.owner_url, autocommit=True) as connection:
                connection.execute(gzip.decompress(dump.read_bytes()).replace(NAME.encode(), stack.database.encode()))
        owner = {"DATABASE_URL": stack.owner_url, "DATABASE_ROLES": stack.database}
        yield Database("postgresql", folder, owner, {"DATABASE_URL": web_url, "DATABASE_ROLES": stack.database})
    finally:
        stack.drop_database()


def _make_roles(stack: Stack) -> None:
    """As `migrate` made them when the release was installed: policies and rights in the file name them."""
    with psycopg.connect(stack.owner_url, autocommit=True) as connection:
        for part in PARTS:
            role = sql.Identifier(f"{stack.database}_{part}")
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN NOINHERIT").format(role))
            connection.execute(sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(stack.database)))
            if part != "web":
                connection.execute(sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(f"{stack.database}_web")))
        web = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
        name = f"{stack.database}_web"
        connection.execute(web.format(sql.Identifier(name), sql.Literal(f"web-{stack.database}")))


def dump_sqlite(database: Database, path: Path) -> None:
    """The whole file as statements."""
    with contextlib.closing(sqlite3.connect(database.folder / "portal.sqlite3")) as connection:
        _write(path, "\n".join(connection.iterdump()))


def dump_postgresql(database: Database, admin_url: str, path: Path) -> None:
    """The whole database as statements that any client can send, under the name of the files."""
    name = database.owner["DATABASE_ROLES"]
    server = psycopg.conninfo.conninfo_to_dict(admin_url) | {"dbname": name}
    command = ["pg_dump", "--inserts", "--rows-per-insert=200", psycopg.conninfo.make_conninfo("", **server)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    # A superuser's, which is no part of it; and what only psql reads.
    lines = [line for line in ended.stdout.splitlines() if not line.startswith("\\")]
    _write(path, "\n".join(lines).replace(name, NAME))


def _write(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
