"""manage.py renew_encryption: bring what is encrypted under the ENCRYPTION_SECRET of now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licensemgr.portal.renewing import renew_all


class Command(BaseCommand):
    """Encrypt anew what a former ENCRYPTION_SECRET encrypted."""

    help = (
        "Encrypts anew, in small transactions while the portal runs, what was encrypted under one of ENCRYPTION_SECRET_FALLBACKS. "
        "Where it was interrupted, run it again. Once it ends with 0 and nothing is renewed any more, the former secrets can be "
        "removed. Exits with 1 where something can't be opened under any known secret; that stays as it is."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each table. Raises CommandError for what can't be opened."""
        lost = 0
        for done in renew_all():
            name = done.sealed.model._meta.verbose_name_plural
            self.stdout.write(f"{name}: {done.renewed} renewed, {done.as_it_was} as they were, {done.lost} lost")
            lost += done.lost
        if lost:
            raise CommandError(
                f"{lost} rows can't be opened under any known secret. Nothing of them was changed. Add the secret under which they "
                "were encrypted to ENCRYPTION_SECRET_FALLBACKS and run this again."
            )
