"""manage.py run_daily: what beat runs."""

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensemgr.core.errors import Refused
from licensemgr.portal import arguments
from licensemgr.portal.daily import run_daily


class Command(BaseCommand):
    help = (
        "Brings the books of every organization up to its today, as beat does every ten minutes, and prints figures. Running "
        "it twice changes nothing. Exits with 1 when an organization could not be settled."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--date", type=arguments.iso_date, metavar="D", help="settle up to this date only; never later than today"
        )
        parser.add_argument(
            "--force", action="store_true", help="believe a clock that jumped more than SETTLE_MAX_DAYS ahead"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            figures = run_daily(on=options["date"], force=options["force"])
        except Refused as error:
            raise CommandError(str(error)) from error
        for name, value in asdict(figures).items():
            self.stdout.write(f"{name}: {', '.join(value) or 'none' if name == 'failed' else value}")
        if figures.failed:
            sys.exit(1)
