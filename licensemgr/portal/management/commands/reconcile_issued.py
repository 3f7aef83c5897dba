"""manage.py reconcile_issued: after a restored backup, which license files in the field the books do not know."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hardware.license_files import unknown_issues


class Command(BaseCommand):
    """Compare issue logs with the books."""

    help = (
        "Read issue logs (ISSUE_LOG_DIR, issued-YYYY-MM.jsonl) and name every license file that was given and that the books do "
        "not know, as after a backup was restored. Exit code 1 when there is one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The logs."""
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare and print."""
        read = unknown = 0
        for path in options["files"]:
            lines = _lines(path)
            read += len(lines)
            for line in unknown_issues(lines):
                unknown += 1
                self.stdout.write(
                    f"{line['file_id']}: system {line['system_id']} of {line['organization']}, sequence {line['sequence']}, "
                    f"given {line['issued_at']}"
                )
        self.stdout.write(f"license files in the logs: {read}")
        self.stdout.write(f"unknown to the books: {unknown}")
        if unknown:
            raise CommandError("Some license files in the field are not in the books.")


def _lines(path: Path) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    try:
        with path.open(encoding="utf-8") as log:
            for number, text in enumerate(log, start=1):
                if not text.strip():
                    continue
                line = json.loads(text)
                if not isinstance(line, dict) or not {"file_id", "digest", "system_id", "sequence"} <= set(line):
                    raise ValueError(f"line {number} is no entry of an issue log")
                lines.append(line)
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{path} is no issue log: {error}.") from error
    return lines
