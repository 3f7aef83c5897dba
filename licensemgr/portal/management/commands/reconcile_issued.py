"""manage.py reconcile_issued: after a restored backup, which license files in the field the books do not know."""

import json
import uuid
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hardware.issue_log import remember_numbers, unknown_issues
from licensemgr.portal import arguments


class Command(BaseCommand):
    """Compare issue logs with the books."""

    help = (
        "Read issue logs (ISSUE_LOG_DIR, issued-YYYY-MM.jsonl) and name every license file that was given and that the books do "
        "not know, as after a backup was restored, and every line that can't be read. The number of the last file of each such "
        "system is kept, so that its next file has a higher one. Exit code 1 when there is one of either."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The logs."""
        parser.add_argument("files", type=arguments.path, nargs="+", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare and print."""
        read = broken = 0
        unknown: list[Mapping[str, Any]] = []
        for path in options["files"]:
            lines, unreadable = _lines(path)
            read += len(lines)
            for line in unknown_issues(lines):
                unknown.append(line)
                self.stdout.write(
                    f"{line['file_id']}: system {line['system_id']} of {line['organization']}, sequence {line['sequence']}, "
                    f"given {line['issued_at']}"
                )
            for number in unreadable:
                broken += 1
                self.stdout.write(f"{path}, line {number}: can't be read")
        self.stdout.write(f"license files in the logs: {read}")
        self.stdout.write(f"unknown to the books: {len(unknown)}")
        self.stdout.write(f"systems whose next file goes on from there: {remember_numbers(unknown)}")
        self.stdout.write(f"lines that can't be read: {broken}")
        if unknown or broken:
            raise CommandError("Some license files in the field are not in the books, or some lines can't be read.")


def _lines(path: Path) -> tuple[list[dict[str, Any]], list[int]]:
    """The entries of a log, and the numbers of its lines that are none: half a line may be left of a full disk."""
    lines: list[dict[str, Any]] = []
    broken: list[int] = []
    try:
        with path.open("rb") as log:
            for number, text in enumerate(log, start=1):
                if not text.strip():
                    continue
                line = _entry(text)
                if line is None:
                    broken.append(number)
                else:
                    lines.append(line)
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from error
    return lines, broken


def _entry(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
        uuid.UUID(line["file_id"]), uuid.UUID(line["system_id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    wanted = {"file_id", "digest", "system_id", "organization", "sequence", "issued_at"}
    return line if isinstance(line, dict) and wanted <= set(line) and type(line["sequence"]) is int else None
