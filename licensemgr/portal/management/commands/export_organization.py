"""manage.py export_organization SLUG FILE: all that an organization has, as one file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from licensemgr.core import clock
from licensemgr.portal import arguments
from licensemgr.portal.carrying.writing import write_organization


class Command(BaseCommand):
    """Write an organization's file."""

    help = (
        "Writes all that an organization has into FILE, a zip: JSON lines that import_organization reads, and CSV for people. "
        "The portal may run; the file is of one moment. It holds no passwords, keys or hashes of them, and names and addresses of "
        "members. Never overwrites a file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The organization and the file."""
        parser.add_argument("slug", metavar="SLUG", help="the organization, as it stands in its addresses")
        parser.add_argument("file", type=arguments.path, metavar="FILE", help="the file to make")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file and print what it holds. Raises CommandError."""
        organization = arguments.organization(options["slug"])
        target: Path = options["file"]
        with arguments.new_file(target) as file:
            try:
                written = write_organization(organization, file, clock.today(organization))
            except BaseException:
                # Half a file helps nobody.
                target.unlink(missing_ok=True)
                raise
        self.stdout.write(f"{target}: {written.rows} rows, {target.stat().st_size} bytes.")
