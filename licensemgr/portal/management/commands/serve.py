"""manage.py serve: the portal for real, its three processes on one machine."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import connection

from licensemgr import settings as own_settings
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
from licensemgr.safety import refusals_of_server


class Command(BaseCommand):
    help = (
        "Runs web server, worker and beat with production settings and the real clock, on SQLite or on PostgreSQL and Redis "
        "(DATABASE_URL, REDIS_URL). Migrates the database first. SIGTERM or Ctrl-C stops everything."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="the port to listen on (8000)")
        workers = max(settings.WEB_CONCURRENCY, 1 if settings.SQLITE else 2)
        parser.add_argument("--workers", type=int, default=workers, help=f"processes of the web server ({workers})")
        parser.add_argument("--threads", type=int, default=8, help="threads of each of them (8)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PRODUCTION:
            raise CommandError("serve is for production, and MODE says otherwise. Nothing was started; unset MODE.")
        host, port = options["host"], options["port"]
        for name in ("workers", "threads"):
            if not 1 <= options[name] <= 64:
                raise CommandError(f"--{name} has to be from 1 to 64. Nothing was started.")
        try:
            if not 1 <= port <= 65535:
                raise CannotStart(f"{port} is no port: choose one from 1 to 65535.")
            if refused := refusals_of_server(vars(own_settings), workers=options["workers"], addresses=[(host, port)]):
                raise CannotStart("\n".join(refused))
            refuse_port_in_use(host, port)
            with alone_in(Path(settings.VAR_DIR)):
                prepare()
                connection.close()
                level = settings.LOG_LEVEL
                Supervisor(
                    [
                        web(
                            host,
                            port,
                            workers=options["workers"],
                            threads=options["threads"],
                            graceful=10,
                            log_level=level.lower(),
                        ),
                        worker(threads=4, log_level=level),
                        beat(log_level=level),
                    ],
                    kill_after=15,
                    say=self.stdout.write,
                ).run(lambda: self.stdout.write(f"License Manager listens on {host}, port {port}."), (host, port))
        except CannotStart as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database can't be used: {str(error).strip()} Nothing was started.") from error
        except KeyboardInterrupt:
            pass
        self.stdout.write("Stopped.")
