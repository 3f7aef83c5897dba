"""Web and worker look at their role in the database before they do anything (R30)."""

import logging

from django.db import OperationalError, connection

logger = logging.getLogger(__name__)


def refuse_mighty_role() -> None:
    """Raises ImproperlyConfigured where row level security would not hold for the role that DATABASE_URL names.

    A database that does not answer yet is no reason not to start: the connection looks again when it does.
    """
    if not connection.settings_dict.get("REFUSE_MIGHTY_ROLE"):
        return
    try:
        connection.ensure_connection()
    except OperationalError as error:
        logger.warning("The database does not answer yet: %s", error)
    finally:
        # A process that is forked from this one needs a connection of its own.
        connection.close()
