"""manage.py peppers: how many keys were stored under which pepper."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from hardware.models import ManufacturedUnit
from licensemgr.core.peppers import IMPORTED, known_peppers, pepper_id
from wallet.models import LicenseKey


class Command(BaseCommand):
    """Count the stored hashes of each pepper, and fail where one is not known any more."""

    help = (
        "Counts the license keys and the hardware units whose hashes were made under each pepper, known by its id. A former pepper "
        "stays in LICENSE_KEY_PEPPER_FALLBACKS as long as it is counted here; exits with 1 where one is missing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each pepper: its id, whether it is known, keys, units. Raises CommandError for unknown ones."""
        known = [pepper_id(pepper) for pepper in known_peppers()]
        keys = dict(LicenseKey.objects.values_list("pepper_id").annotate(Count("pk")).order_by())
        units = dict(ManufacturedUnit.objects.values_list("pepper_id").annotate(Count("pk")).order_by())
        # Brought with an organization from another instance, without their hashes: no pepper is missing for them.
        keys.pop(IMPORTED, None), units.pop(IMPORTED, None)
        unknown = sorted((keys.keys() | units.keys()) - {*known, ""})
        for found in [*known, *unknown, *([""] if "" in keys.keys() | units.keys() else [])]:
            how = "current" if found == known[0] else "former" if found in known else "MISSING" if found else "any"
            self.stdout.write(
                f"{found or '(no id)'} {how}: {keys.get(found, 0)} license keys, {units.get(found, 0)} hardware units"
            )
        if unknown:
            raise CommandError(
                f"Nobody can redeem or register what was stored under {', '.join(unknown)}: add that pepper to "
                "LICENSE_KEY_PEPPER_FALLBACKS."
            )
