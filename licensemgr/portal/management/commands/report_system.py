"""manage.py report_system: a system's report of its devices."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hardware.services import report_system
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.portal import arguments
from products.models import SystemSource


class Command(BaseCommand):
    help = (
        "Reports the devices of one system, as the system itself would: all of them, a type that is not named having none. "
        "The first report registers the system, and its product with it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG", help="the organization's slug")
        parser.add_argument("--product", required=True, metavar="CODE", help="the product's code")
        parser.add_argument("--system", required=True, type=arguments.system_uuid, metavar="UUID", help="the system id")
        parser.add_argument("--name", default="", help="the system's name")
        parser.add_argument(
            "--devices",
            required=True,
            nargs="+",
            action="extend",
            type=arguments.quantity,
            metavar="TYPE=N",
            help="how many devices of each type",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if len(options["name"]) > 120:
            raise CommandError("A system's name has at most 120 characters. Nothing was changed.")
        organization = arguments.organization(options["organization"])
        try:
            system = report_system(
                organization=organization,
                product=arguments.product(options["product"]),
                system_id=options["system"],
                name=options["name"],
                devices=arguments.quantities(options["devices"]),
                source=SystemSource.ONLINE,
                actor=None,
                on=clock.today(organization),
            )
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{system.name}: reported on {system.last_reported_on}.")
