#!/usr/bin/env python3
"""Django's command line for License Manager."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A setting that is missing or wrong is the operator's to mend: the sentence helps, a traceback does not.
        sys.exit(f"License Manager can't start: {error}")


if __name__ == "__main__":
    main()
