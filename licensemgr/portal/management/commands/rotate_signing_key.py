"""manage.py rotate_signing_key: the next key signs license files from now on."""

from typing import Any

from django.core.management.base import BaseCommand

from licensemgr.core import signing_keys


class Command(BaseCommand):
    """Make the next signing key the current one, and a new next one; the first time, make both."""

    help = (
        "The next signing key signs license files from now on, and a new next one is made and announced in them. Files that "
        "former keys signed stay verifiable. Run it once when the portal is installed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate, and print the id of the key that signs now."""
        self.stdout.write(f"License files are signed by {signing_keys.rotate().kid} from now on.")
