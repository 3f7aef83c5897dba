"""manage.py set_clock: moves the demonstration's date forward."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.portal import arguments
from licensemgr.portal.daily import run_daily


class Command(BaseCommand):
    help = "Moves the date of a demonstration forward and runs the daily job for what was passed. In production it refuses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("date", type=arguments.iso_date, metavar="DATE", help="the new date, as 2027-03-01")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                clock.set_demonstration_date(options["date"])
            figures = run_daily()
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Today is {options['date']}. Organizations settled: {figures.settled}; written down: {figures.written}."
        )
        if figures.failed:
            raise CommandError(f"These organizations could not be settled: {', '.join(figures.failed)}.")
