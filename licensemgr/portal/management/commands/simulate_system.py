"""manage.py simulate_system: a system in the field, to try the whole circle beside a demonstration."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hardware.license_files import TYP as LICENSE_FILE
from licensemgr.core import clock, signed, signing_keys
from licensemgr.portal.arguments import quantities, quantity
from licensemgr.portal.simulating import SimulatedSystem


class Command(BaseCommand):
    """Make a system, write its system files, keep and check its license files."""

    help = (
        "A system in the field, kept in FOLDER: the first run makes its key and id. --devices writes a system description file "
        "to be uploaded; --license-file takes the license file that the portal gave for it, checks it and shows what it grants."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The folder of the system, and what to do."""
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        parser.add_argument("--product", default="camera-station", metavar="CODE")
        parser.add_argument("--name", default="Simulated system")
        parser.add_argument("--devices", action="append", type=quantity, default=[], metavar="TYPE=N")
        parser.add_argument("--list", action="store_true", help="name the devices one by one")
        parser.add_argument("--unit", default="", metavar="SERIAL")
        parser.add_argument("--oak", default="", metavar="KEY", help="the unit's owner authentication key")
        parser.add_argument("--license-file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        folder: Path = options["folder"]
        kept = folder / "system.json"
        if kept.exists():
            system = SimulatedSystem.load(kept)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            system = SimulatedSystem(options["name"], options["product"])
        if options["unit"]:
            system.serial, system.oak = options["unit"], options["oak"]
        if options["license_file"]:
            self._take(system, options["license_file"])
        if options["devices"] or not options["license_file"]:
            self._write(system, folder, quantities(options["devices"]), named=options["list"])
        system.save(kept)

    def _write(self, system: SimulatedSystem, folder: Path, counts: dict[str, int], *, named: bool) -> None:
        if named:
            devices = [(f"{code}-{number:06}", "Simulated", code) for code, n in counts.items() for number in range(n)]
            document = system.system_file(at=clock.now(), devices=devices)
        else:
            document = system.system_file(at=clock.now(), counts=counts)
        path = folder / f"system-{system.sequence}.json"
        path.write_bytes(document)
        self.stdout.write(f"System file: {path}. Upload it in the Product list.")

    def _take(self, system: SimulatedSystem, path: Path) -> None:
        try:
            read = signed.read(path.read_bytes(), typ=LICENSE_FILE, exact=True)
            key = signing_keys.verifying_key(str(read.header.get("kid", "")))
            if key is None:
                raise signed.DocumentRefused("Its key is not one of this portal's.")
            signed.check_signature(read, key)
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from error
        except signed.DocumentRefused as error:
            raise CommandError(f"The license file is refused. {error.sentence}") from error
        payload = read.payload
        if payload["system_id"] != str(system.system_id):
            raise CommandError("The license file is refused. It is for another system.")
        if payload["key"] != system.key.thumbprint():
            raise CommandError("The license file is refused. It is for another installation of this system.")
        if system.license_file is not None and payload["sequence"] < system.license_file[1]:
            raise CommandError("The license file is refused. A newer one was used already.")
        system.license_file = (payload["file_id"], payload["sequence"])
        self.stdout.write(f"License file {payload['sequence']} of {payload['organization']}: {payload['status']}.")
        self.stdout.write(json.dumps(payload["grants"], indent=1))
