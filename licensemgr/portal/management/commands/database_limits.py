"""manage.py database_limits: PostgreSQL's own time limits, for every connection to this database."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import connection
from psycopg import sql


class Command(BaseCommand):
    """Write DATABASE_LIMITS into the database, so that they hold behind PgBouncer."""

    help = (
        "Writes DATABASE_STATEMENT_SECONDS, DATABASE_LOCK_SECONDS and DATABASE_IDLE_SECONDS into the PostgreSQL database, as its "
        "own defaults for connections that begin from now on. PgBouncer in transaction mode takes no such options from the portal. "
        "Needs the owner of the database."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write them and print them. Raises CommandError on SQLite, and for whoever does not own the database."""
        if settings.SQLITE:
            raise CommandError("SQLite has no such limits. Nothing was changed.")
        name = sql.Identifier(str(connection.settings_dict["NAME"]))
        try:
            with connection.cursor() as cursor:
                for limit, value in settings.DATABASE_LIMITS.items():
                    statement = sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                        name, sql.Identifier(limit), sql.Literal(value)
                    )
                    cursor.execute(statement.as_string(None))
                    self.stdout.write(f"{limit}: {value} ms")
        except DatabaseError as error:
            raise CommandError(f"The limits can't be written: {str(error).strip()}") from error
