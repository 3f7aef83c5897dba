#!/usr/bin/env python3
"""Django's command line for License Manager."""

import os
import sys
from pathlib import Path


def is_demonstration() -> bool:
    """Whether commands are meant for the demonstration that `make demo` left in this folder.

    So it is where nothing in the environment speaks of a real installation. `serve` never takes it for one.
    """
    configured = {"MODE", "SECRET_KEY", "SECRET_KEY_FILE", "DATABASE_URL", "VAR_DIR"} & os.environ.keys()
    database = Path(__file__).resolve().parent / "var" / "demonstration.sqlite3"
    return not configured and "serve" not in sys.argv[1:2] and database.exists()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    if is_demonstration():
        os.environ["MODE"] = "demonstration"
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A setting that is missing or wrong is the operator's to mend: the sentence helps, a traceback does not.
        sys.exit(f"License Manager can't start: {error}")


if __name__ == "__main__":
    main()
