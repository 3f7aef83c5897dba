"""manage.py issue_license_keys: makes license keys and prints them, only now in clear."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensemgr.core.errors import Refused
from licensemgr.portal import arguments
from products.models import LicenseKind
from wallet.services import issue_license_keys


class Command(BaseCommand):
    help = (
        "Issues license keys and prints one key a line on standard output, nothing else. Only their hashes are kept: this is "
        "the only time that they are shown."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--product", required=True, metavar="CODE", help="the product's code")
        parser.add_argument("--kind", required=True, choices=LicenseKind.values, help="what the licenses are valid for")
        parser.add_argument(
            "--license",
            required=True,
            action="append",
            type=arguments.quantity,
            metavar="TYPE=N",
            help="how many licenses of a type each key carries; may be given for several types",
        )
        parser.add_argument("--count", required=True, type=int, metavar="K", help="how many keys")
        parser.add_argument("--order", default="", metavar="REF", help="the order reference, shown with the licenses")

    def handle(self, *args: Any, **options: Any) -> None:
        if len(options["order"]) > 80:
            raise CommandError("An order reference has at most 80 characters. No key was issued.")
        try:
            keys = issue_license_keys(
                product=arguments.product(options["product"]),
                kind=options["kind"],
                licenses=arguments.quantities(options["license"]),
                count=options["count"],
                order_reference=options["order"],
                actor=None,
            )
        except Refused as error:
            raise CommandError(str(error)) from error
        for key in keys:
            self.stdout.write(key)
