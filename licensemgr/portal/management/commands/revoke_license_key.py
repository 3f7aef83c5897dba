"""manage.py revoke_license_key: revokes a key that nobody has redeemed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensemgr.core.errors import Refused
from wallet.services import revoke_license_key


class Command(BaseCommand):
    help = "Revokes a license key that nobody has redeemed yet: from now on it can't be redeemed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY", help="the whole license key")
        parser.add_argument("--reason", required=True, help="why; kept with the key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key = revoke_license_key(license_key=options["key"], reason=options["reason"])
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The license key that ends with {key.tail} is revoked.")
