"""manage.py simulate_system: a system in the field, to try the whole circle beside a demonstration."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensemgr.core import clock
from licensemgr.portal import arguments
from licensemgr.portal.simulating import FileRefused, SimulatedSystem, published_client, published_verifier


def instant(text: str) -> datetime:
    """A time written as 2027-03-01T12:00:00Z."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise ArgumentTypeError(f"“{text}” is no time: write it as 2027-03-01T12:00:00Z, in UTC") from error


class Command(BaseCommand):
    """Make a system, write its system files, keep and check its license files."""

    help = (
        "A system in the field, kept in FOLDER: the first run makes its key and id. --devices writes a system description file "
        "to be uploaded in the portal; --license-file takes the license file that the portal gave for it, checks it as a product "
        "does, by the keys that it keeps and never by the portal's books, and shows what is granted until when. A file that must "
        "not be used is refused with the reason and exit code 1. With --online the system calls the portal itself: it sends the "
        "file, and takes the license file that it is answered. See docs/formats.md and docs/online.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The folder of the system, and what to do."""
        parser.add_argument(
            "folder", type=arguments.path, metavar="FOLDER", help="where the system keeps its key and its files"
        )
        new = parser.add_argument_group("a new system")
        new.add_argument("--name", default="Simulated system", help="its name (default: %(default)s)")
        new.add_argument(
            "--product", default="camera-station", metavar="CODE", help="the code of its product (default: %(default)s)"
        )
        writing = parser.add_argument_group("writing a system description file")
        writing.add_argument(
            "--devices",
            action="append",
            type=arguments.quantity,
            default=[],
            metavar="TYPE=N",
            help="its devices of a license type, as core-device=10; once for every type",
        )
        writing.add_argument("--list", action="store_true", help="name the devices one by one, not only their number")
        writing.add_argument(
            "--unit", default="", metavar="SERIAL", help="the hardware unit on which it is from now on"
        )
        writing.add_argument(
            "--oak", default="", metavar="KEY", help="the unit's owner authentication key, by which the file proves it"
        )
        writing.add_argument(
            "--intent",
            choices=["license", "refresh"],
            default="license",
            help="what it asks for (default: %(default)s)",
        )
        online = parser.add_argument_group("a system that is online")
        online.add_argument("--online", metavar="URL", help="the portal's address: send the system file there")
        online.add_argument(
            "--registration-code", default="", metavar="CODE", help="joins the organization that gave this code"
        )
        online.add_argument(
            "--refresh",
            action="store_true",
            help="send no system file; fetch the newest license file by a signed request",
        )
        taking = parser.add_argument_group("taking a license file")
        taking.add_argument(
            "--jwks",
            type=arguments.path,
            metavar="FILE",
            help="the portal's /.well-known/jwks.json: keys to trust from now on",
        )
        taking.add_argument(
            "--license-file", type=arguments.path, metavar="FILE", help="the license file to check and to run on"
        )
        parser.add_argument(
            "--now", type=instant, metavar="TIME", help="the system's clock, as 2027-03-01T12:00:00Z (default: today's)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        folder: Path = options["folder"]
        counts = arguments.quantities(options["devices"])
        if options["oak"] and not options["unit"]:
            raise CommandError("--oak goes with --unit: say on which hardware unit the system is.")
        if (options["registration_code"] or options["refresh"]) and not options["online"]:
            raise CommandError("--registration-code and --refresh go with --online: say where the portal is.")
        now = options["now"] or clock.now()
        try:
            self._run(folder, counts, now, options)
        except OSError as error:
            raise CommandError(f"{folder} can't be used: {error.strerror or error}.") from error

    def _run(self, folder: Path, counts: dict[str, int], now: datetime, options: Mapping[str, Any]) -> None:
        system = self._system(folder, options)
        if options["unit"]:
            system.serial, system.oak = options["unit"], options["oak"]
        if options["jwks"]:
            system.trust(_keys(options["jwks"]))
        if options["license_file"]:
            self._take_file(system, options["license_file"], now)
        if options["online"]:
            self._call(system, folder, counts, now, options)
        elif counts or not (options["license_file"] or options["jwks"]):
            document = self._write(system, counts, now, options)
            path = folder / f"system-{system.sequence}.json"
            path.write_bytes(document)
            self.stdout.write(f"System file: {path}. Upload it in the Product list.")
        system.save(folder / "system.json")

    def _system(self, folder: Path, options: Mapping[str, Any]) -> SimulatedSystem:
        kept = folder / "system.json"
        try:
            if kept.exists():
                return SimulatedSystem.load(kept)
            folder.mkdir(parents=True, exist_ok=True)
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{kept} is not a system that was kept: choose another folder.") from error
        system = SimulatedSystem(options["name"], options["product"])
        system.save(kept)
        self.stdout.write(f"New system {system.system_id}. Its key has the thumbprint {system.key.thumbprint()}.")
        return system

    def _write(
        self, system: SimulatedSystem, counts: dict[str, int], now: datetime, options: Mapping[str, Any]
    ) -> bytes:
        if options["list"]:
            devices = [(f"{code}-{number:06}", "Simulated", code) for code, n in counts.items() for number in range(n)]
            return system.system_file(at=now, devices=devices, intent=options["intent"])
        return system.system_file(at=now, counts=counts, intent=options["intent"])

    def _call(
        self,
        system: SimulatedSystem,
        folder: Path,
        counts: dict[str, int],
        now: datetime,
        options: Mapping[str, Any],
    ) -> None:
        """Report, or fetch the newest license file, by the published client; and take what is answered."""
        client = published_client()

        def make() -> bytes:
            document = self._write(system, counts, now, options)
            system.save(folder / "system.json")
            return document

        try:
            portal = client.Portal(options["online"], system.key)
            if not system.trusted:
                system.trust(portal.keys())
            if options["refresh"]:
                answer = portal.license(system.system_id)
            else:
                answer = client.deliver(folder, portal, make, options["registration_code"])
        except (client.Refused, client.NotAnswered, ValueError) as error:
            raise CommandError(str(error)) from error
        if portal.clock_off:
            self.stdout.write(f"The portal's clock is ahead by {portal.clock_off}; that of the system was not changed.")
        if answer.license_file is None:
            self.stdout.write(f"No license file ({answer.status}). {answer.sentence}")
        else:
            self._take(system, answer.license_file, now)

    def _take_file(self, system: SimulatedSystem, path: Path, now: datetime) -> None:
        if not system.trusted:
            raise CommandError(
                "The system trusts no key yet. Give it the portal's /.well-known/jwks.json with --jwks FILE."
            )
        try:
            document = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from error
        self._take(system, document, now)

    def _take(self, system: SimulatedSystem, document: bytes, now: datetime) -> None:
        try:
            payload = system.take_license_file(document, at=now)
        except FileRefused as refused:
            raise CommandError(f"The license file is refused. {refused}") from refused
        self.stdout.write(f"License file {payload['sequence']} of {payload['organization']}, {payload['status']}.")
        verifier = published_verifier()
        found = verifier.licensed(payload, now)
        for code, (kind, licenses, growth, last, in_grace) in found.items():
            until = f"until {last}" if last else "without end"
            self.stdout.write(
                f"{code}: {licenses} by {kind}, {growth} more may be added, {until}{', in the grace period' if in_grace else ''}"
            )
        if not found:
            self.stdout.write(f"On {verifier.local_day(payload, now)} it grants nothing.")


def _keys(path: Path) -> list[dict[str, Any]]:
    """The keys of a JWKS. Raises CommandError."""
    try:
        keys = json.loads(path.read_bytes())["keys"]
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CommandError(f"{path} is no list of keys (JWKS).") from error
    if not isinstance(keys, list) or not all(isinstance(jwk, dict) and jwk.get("crv") == "Ed25519" for jwk in keys):
        raise CommandError(f"{path} is no list of Ed25519 keys (JWKS).")
    return keys
