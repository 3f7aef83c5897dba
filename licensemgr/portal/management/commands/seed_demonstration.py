"""manage.py seed_demonstration: tells the demonstration's histories into an empty database."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from licensemgr.core import clock
from licensemgr.portal.demonstration import is_seeded, seed_demonstration
from organizations.models import Organization


class Command(BaseCommand):
    help = (
        "Fills an empty database with the demonstration's organizations, people and several years of history, and writes "
        "license keys for trying to demo-keys.txt in VAR_DIR. Demonstration mode only."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("This is no demonstration (MODE). Nothing was written.")
        if is_seeded():
            raise CommandError("This database has organizations already. Nothing was written; start from an empty one.")
        today = clock.now().date()
        with transaction.atomic():
            # From here on the demonstration's day changes only when somebody moves it.
            clock.set_demonstration_date(today)
            seed_demonstration(today=today, keys_file=Path(settings.VAR_DIR) / "demo-keys.txt")
        if options["verbosity"]:
            self.stdout.write(f"{Organization.objects.count()} organizations, as of {today}.")
