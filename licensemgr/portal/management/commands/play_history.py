"""manage.py play_history FILE: plays dated actions through the services."""

import gzip
import json
import zlib
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from licensemgr.portal import arguments
from licensemgr.portal.playing import NotPlayable, Player
from organizations.models import Organization


class Command(BaseCommand):
    help = (
        "Plays dated actions, a JSON object a line (plain or gzip), each scenario into a new organization, through the same "
        "services as the pages; prints one JSON line a step: scenario, on, action, refused, then. In demonstration mode, or "
        "into a database without organizations."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=arguments.path, help="the file of actions, .jsonl or .jsonl.gz")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION and Organization.objects.exists():
            raise CommandError(
                "This database has organizations and is no demonstration. Nothing was played; use an empty database."
            )
        try:
            for played in Player().play(_steps(options["file"])):
                self.stdout.write(json.dumps(played, separators=(",", ":")))
        except NotPlayable as error:
            raise CommandError(str(error)) from error


def _steps(path: Path) -> Iterator[dict[str, Any]]:
    try:
        opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")  # noqa: SIM115 - closed by the with below
        with opened as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    step = json.loads(line)
                    if not isinstance(step, dict):
                        raise CommandError(f"Line {number} of {path} is no JSON object.")
                    yield step
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CommandError(f"{path} can't be read: {error}.") from error
