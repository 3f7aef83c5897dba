"""manage.py verify_books: recomputes the books from their entries."""

import sys
from argparse import ArgumentParser
from dataclasses import fields
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensemgr.portal.verifying import verify_books
from organizations.models import Organization


class Command(BaseCommand):
    help = (
        "Recomputes every balance, lot, allocation, credit and fact from the entries, checks that nothing was lost (R23) and "
        "that the database refuses to change entries; prints figures. Exits with 1 at any difference and names the rows."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="look at this organization only")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = None
        if options["organization"] is not None:
            organization = Organization.objects.filter(slug=options["organization"]).first()
            if organization is None:
                raise CommandError(f"There is no organization “{options['organization']}”. Nothing was checked.")
        found = verify_books(organization)
        for figure in fields(found):
            if figure.name != "differences":
                self.stdout.write(f"{figure.name}: {getattr(found, figure.name)}")
        self.stdout.write(f"differences: {len(found.differences)}")
        for difference in found.differences:
            self.stdout.write(f"  {difference}")
        if found.differences:
            sys.exit(1)
