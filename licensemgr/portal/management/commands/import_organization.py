"""manage.py import_organization FILE: an organization from another instance of the portal."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensemgr.portal import arguments
from licensemgr.portal.carrying.kinds import CarryRefused
from licensemgr.portal.carrying.reading import read_organization


class Command(BaseCommand):
    """Take an organization in."""

    help = (
        "Takes in the organization that export_organization wrote into FILE, whole or not at all, with the products of the "
        "catalogue that it uses where they are missing. Only for files of portals that you trust. Refused where the organization, "
        "or one of its systems or units, is here already, and where its books do not add up."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file."""
        parser.add_argument("file", type=arguments.path, metavar="FILE", help="what export_organization wrote")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take it in and print what was. Raises CommandError."""
        try:
            with options["file"].open("rb") as file:
                imported = read_organization(file)
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error.strerror}. Nothing was imported.") from error
        except CarryRefused as refused:
            raise CommandError(str(refused)) from refused
        for label, count in imported.rows.items():
            self.stdout.write(f"{label}: {count}")
        self.stdout.write(f"{imported.organization.name} ({imported.organization.slug}) is imported; its books add up.")
