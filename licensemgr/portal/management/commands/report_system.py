"""manage.py report_system: a system's report of its devices."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hardware.keys import normalize_serial
from hardware.models import Placement
from hardware.services import report_system
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.portal import arguments
from products.device_lists import ListedDevice, read_device_file
from products.models import Product, System, SystemSource

# No file of devices that can be meant is larger: 100,000 devices of the longest id and model.
MAXIMUM_BYTES = 32 * 1024 * 1024


class Command(BaseCommand):
    help = (
        "Reports the devices of one system, as the system itself would: all of them, a type that is not named having none, and "
        "the hardware unit on which it is, or none. The first report registers the system, and its product with it. With "
        "--devices-file the devices are counted from a list of them; then --devices can be left out, or has to agree."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG", help="the organization's slug")
        parser.add_argument("--product", required=True, metavar="CODE", help="the product's code")
        parser.add_argument("--system", required=True, type=arguments.system_uuid, metavar="UUID", help="the system id")
        parser.add_argument("--name", default="", help="the system's name")
        parser.add_argument(
            "--devices",
            nargs="+",
            action="extend",
            type=arguments.quantity,
            metavar="TYPE=N",
            help="how many devices of each type",
        )
        parser.add_argument(
            "--devices-file",
            type=arguments.path,
            metavar="CSV",
            help="the devices one by one: CSV in UTF-8 whose first line is id,model,type; type is a license type's code",
        )
        parser.add_argument("--unit", default="", metavar="SERIAL", help="the serial number of the unit on which it is")
        parser.add_argument("--software-version", default="", metavar="TEXT", help="the version of the software")

    def handle(self, *args: Any, **options: Any) -> None:
        _check_text(System, "name", options["name"], "A system's name")
        _check_text(System, "software_version", options["software_version"], "A software version")
        _check_text(Placement, "serial", normalize_serial(options["unit"]), "A serial number")
        organization = arguments.organization(options["organization"])
        product = arguments.product(options["product"])
        try:
            devices, device_list = _devices(product, options["devices"], options["devices_file"])
            system = report_system(
                organization=organization,
                product=product,
                system_id=options["system"],
                name=options["name"],
                devices=devices,
                source=SystemSource.ONLINE,
                actor=None,
                on=clock.today(organization),
                unit_serial=options["unit"],
                software_version=options["software_version"],
                device_list=device_list,
            )
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{system.name}: reported on {system.last_reported_on}.")


def _check_text(model: Any, field: str, text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CommandError(f"{what} has to be text in UTF-8. Nothing was changed.") from error
    maximum = model._meta.get_field(field).max_length
    if len(text) > maximum:
        raise CommandError(f"{what} has at most {maximum} characters. Nothing was changed.")


def _devices(
    product: Product, named: list[tuple[str, int]] | None, file: Path | None
) -> tuple[Mapping[str, int], list[ListedDevice] | None]:
    """How many devices of each type, and which, where they are listed."""
    if file is None:
        if named is None:
            raise CommandError("Name the devices by --devices or --devices-file. Nothing was changed.")
        return arguments.quantities(named), None
    types = list(product.license_types.order_by("position", "pk").values_list("code", flat=True))
    listed = read_device_file(_read(file), types)
    counted = dict(Counter(device.license_type for device in listed))
    if named is not None:
        told = {code: number for code, number in arguments.quantities(named).items() if number}
        if told != counted:
            raise CommandError(
                f"--devices says {_say(told)}, and the file lists {_say(counted)}. Nothing was changed; leave --devices out, or "
                "let both agree."
            )
    return counted, listed


def _say(quantities: Mapping[str, int]) -> str:
    return ", ".join(f"{code}={number}" for code, number in sorted(quantities.items())) or "no devices"


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAXIMUM_BYTES:
            raise CommandError(f"{file} is larger than {MAXIMUM_BYTES // 1024 // 1024} MB. Nothing was changed.")
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}. Nothing was changed.") from error
