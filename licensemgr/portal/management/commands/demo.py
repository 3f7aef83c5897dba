"""manage.py demo: the demonstration, from an empty folder to a running portal. `make demo` runs it."""

import os
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from licensemgr.core import clock
from licensemgr.core.models import DemonstrationClock
from licensemgr.portal import demonstration
from licensemgr.portal.supervising import (
    CannotStart,
    Supervisor,
    alone_in,
    beat,
    prepare,
    refuse_port_in_use,
    web,
    worker,
)


class Command(BaseCommand):
    help = (
        "Runs the demonstration: makes and fills its database in VAR_DIR where that is missing, starts web server, worker and "
        "beat, prints the address and the accounts, and stops everything on Ctrl-C. With --reset: forgets its data instead."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the port to listen on at localhost (8000)")
        parser.add_argument("--reset", action="store_true", help="delete the demonstration's database, queue and keys")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError(
                "This is no demonstration. Nothing was started; set MODE=demonstration, or use make demo."
            )
        try:
            if options["reset"]:
                self._reset()
            else:
                self._run(options["port"])
        except CannotStart as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")

    def _run(self, port: int) -> None:
        if not 1 <= port <= 65535:
            raise CannotStart(f"{port} is no port: choose one from 1 to 65535.")
        refuse_port_in_use("127.0.0.1", port)
        with alone_in(Path(settings.VAR_DIR)):
            prepare()
            if not demonstration.is_seeded():
                self.stdout.write("Telling the demonstration's histories …")
                call_command("seed_demonstration", verbosity=0)
            elif not DemonstrationClock.objects.exists():
                raise CannotStart(
                    f"The database {settings.DATABASES['default']['NAME']} holds organizations and is no demonstration's. "
                    "Nothing was started; unset DATABASE_URL, or set it to an empty database."
                )
            connection.close()
            Supervisor(
                [
                    web("127.0.0.1", port, workers=1, threads=8, graceful=2, log_level="warning"),
                    worker(threads=4, log_level="WARNING"),
                    beat(log_level="WARNING"),
                ],
                kill_after=4,
                say=self.stdout.write,
                environment={
                    "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
                    "PORTAL_URL": os.environ.get("PORTAL_URL", f"http://localhost:{port}"),
                    # In a container everybody is root; a demonstration may say nothing of it.
                    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
                },
            ).run(lambda: self._greet(port), ("127.0.0.1", port))
        self.stdout.write("Stopped. The data stays for the next start; make demo-reset starts over.")

    def _greet(self, port: int) -> None:
        accounts = "\n".join(
            f"  {person.email:<20} {', '.join(_roles(person))}{' · staff, /admin/' if person.staff else ''}"
            for person in demonstration.PEOPLE
        )
        self.stdout.write(
            f"\nLicense Manager, demonstration, {clock.now().date()}: http://localhost:{port}/\n\n"
            f"Accounts, all with the password {demonstration.PASSWORD}:\n{accounts}\n\n"
            f"License keys and hardware for trying: {Path(settings.VAR_DIR) / 'demo-keys.txt'}\nCtrl-C stops everything.\n"
        )
        self.stdout.flush()

    def _reset(self) -> None:
        folder = Path(settings.VAR_DIR)
        if not settings.SQLITE or Path(settings.DATABASES["default"]["NAME"]) != folder / "demonstration.sqlite3":
            raise CannotStart(
                "The demonstration's database is not the one in VAR_DIR. Nothing was deleted; unset DATABASE_URL, or empty that "
                "database yourself."
            )
        with alone_in(folder):
            for name in ("", "-wal", "-shm"):
                (folder / f"demonstration.sqlite3{name}").unlink(missing_ok=True)
            shutil.rmtree(folder / "demonstration-queue", ignore_errors=True)
            (folder / "demo-keys.txt").unlink(missing_ok=True)
            for schedule in folder.glob("beat-schedule-demonstration*"):
                schedule.unlink(missing_ok=True)
        self.stdout.write("The demonstration's data is gone. make demo starts over.")


def _roles(person: demonstration.Person) -> list[str]:
    return [f"{role.label} of {demonstration.ORGANIZATIONS[slug][0]}" for slug, role in person.roles.items()]
