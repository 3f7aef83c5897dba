"""manage.py backup FILE: a consistent copy of a running SQLite database."""

import os
import sqlite3
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from licensemgr.portal import arguments


class Command(BaseCommand):
    help = (
        "Copies the SQLite database to FILE while the portal runs; the copy is consistent and readable by its owner only. "
        "Never overwrites a file. For PostgreSQL use pg_dump."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=arguments.path, metavar="FILE", help="the file to make")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"]
        if not settings.SQLITE:
            raise CommandError("The database is PostgreSQL. Nothing was copied; use pg_dump for it.")
        source = Path(settings.DATABASES["default"]["NAME"])
        if not source.exists():
            raise CommandError(f"There is no database at {source}. Nothing was copied.")
        arguments.new_file(target).close()
        try:
            _copy(source, target)
        except (sqlite3.Error, OSError) as error:
            target.unlink(missing_ok=True)
            raise CommandError(f"The copy failed: {error}. {target} was removed again.") from error
        self.stdout.write(f"{target}: {target.stat().st_size} bytes.")


def _copy(source: Path, target: Path) -> None:
    """Copy by SQLite's own means and look whether the copy is sound."""
    address = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=20)) as running, closing(sqlite3.connect(target)) as copy:
        running.backup(copy)
        # One file, without a write-ahead log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
        [(verdict,)] = copy.execute("PRAGMA quick_check(1)").fetchall()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
