"""Fills a database with this code, or says what the portal says of one that is filled, once its tables are this code's.

python -m tests.releases.recording fill    # a few organizations, with something of every kind
python -m tests.releases.recording say     # books, standings, numbers of pages of each, as JSON
"""

import gzip
import json
import sys
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from tests.conftest import TODAY  # isort: skip - it sets Django up
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.test.utils import setup_test_environment

from licensemgr.core import clock
from licensemgr.portal.playing import Player
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, Role, User
from organizations.services import add_member, create_organization
from tests.architecture.urls import furnish
from tests.factories import Books, UserFactory
from tests.portal.carried import books_of, page

DATA = Path(__file__).parent.parent / "data"
# Of the independent model's histories, and which of each: long ones, one without hardware and one with it.
PLAYED = (("scenarios", 3), ("scenarios-hardware", 5))
PAGES = ("product_list", "history", "members")
PAGES_OF_A_PRODUCT = ("product_overview", "product_wallet", "product_licensing", "system_setup")
ADMINISTRATOR = "ada@example.com"


def stand_at(day: date) -> None:
    """Let the business clock stand at noon of a day."""
    instant = datetime.combine(day, time(12), tzinfo=UTC)
    clock.now = lambda: instant


def fill() -> None:
    """One organization with something of every kind, and played histories of some years."""
    ada = UserFactory.create(email=ADMINISTRATOR, first_name="Ada", last_name="Minister")
    player = Player()
    with clock.jumps_allowed():
        for name, scenario in PLAYED:
            for step in _steps(name, scenario):
                stand_at(date.fromisoformat(step["on"]))
                player.play_step(step | {"scenario": f"{name} {scenario}"})
        for played in player.organizations.values():
            played.refresh_from_db()
            add_member(organization=played, user=ada, role=Role.ADMINISTRATOR, actor=None, on=_day_of(played))
        stand_at(TODAY)
        organization = create_organization(name="Harbour Cameras", slug="harbour", actor=ada, on=TODAY)
        furnish(Books(organization), TODAY, User.objects.create_superuser("staff@example.net", "a long staff password"))


def _steps(name: str, scenario: int) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [step for step in map(json.loads, lines) if step["scenario"] == scenario]


def _day_of(organization: Organization) -> date:
    """A week after the last that was written down: redemptions of then can be undone no more."""
    return (organization.settled_through or TODAY) + timedelta(days=8)


def say() -> dict[str, Any]:
    """What the portal says of each organization, and whether the books are right."""
    setup_test_environment()
    said: dict[str, Any] = {}
    # Looking changes nothing, so each may be looked at on its own day.
    for organization in Organization.objects.order_by("slug"):
        on = _day_of(organization)
        stand_at(on)
        products = organization.registered_products.order_by("pk").values_list("product__code", flat=True)
        pages = [(name,) for name in PAGES] + [(name, code) for code in products for name in PAGES_OF_A_PRODUCT]
        said[organization.slug] = {
            "on": on,
            "stands": Player().stand(organization, on),
            "books": books_of(organization),
            "pages": {" ".join(each): numbers(page(organization, *each)) for each in pages},
        }
    return {"differences": verify_books().differences, "organizations": said}


def numbers(words: list[str]) -> dict[str, int]:
    """How often each word with a figure stands there; the ends of some tags are no words."""
    return dict(sorted(Counter(word for word in words if any(map(str.isdigit, word)) and '"' not in word).items()))


def main() -> None:
    """What the command line says."""
    call_command("migrate", interactive=False, verbosity=0)
    if sys.argv[1] == "fill":
        fill()
    else:
        print(json.dumps(say(), cls=DjangoJSONEncoder, sort_keys=True))


if __name__ == "__main__":
    main()
