"""manage.py verify_license_file: what a license file says, once its signature is checked."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hardware.license_files import verify_license_file
from licensemgr.core import clock
from licensemgr.core.signed import DocumentRefused
from licensemgr.portal import arguments


class Command(BaseCommand):
    """Check a license file's signature by this portal's keys, and print its content."""

    help = "Check that a license file was signed by this portal and not altered, and print what it says. Exit code 1 if not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file."""
        parser.add_argument("file", type=arguments.path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and print."""
        try:
            verified = verify_license_file(options["file"].read_bytes(), clock.now())
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error.strerror}.") from error
        except DocumentRefused as error:
            raise CommandError(f"This license file is not valid. {error.sentence}") from error
        self.stdout.write(json.dumps(dict(verified.payload), indent=2, ensure_ascii=False))
        self.stdout.write(f"signed by: {verified.kid}")
        self.stdout.write(
            f"in the books: {'yes' if verified.is_in_books else 'NO: given after a backup that was restored?'}"
        )
        self.stdout.write(f"newest file of its system: {'no' if verified.is_superseded else 'yes'}")
        self.stdout.write(f"expired: {'yes' if verified.is_expired else 'no'}")
