"""An organization as a file, and from it into another instance: nothing but the ids is another there (R23, R30, R32)."""

import gzip
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from licensemgr.core import clock
from licensemgr.portal.carrying import MANIFEST
from licensemgr.portal.carrying.reading import read_organization
from licensemgr.portal.carrying.writing import write_organization
from licensemgr.portal.playing import Player
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, Role
from organizations.services import add_member, create_organization
from tests.conftest import FrozenClock
from tests.factories import Books, UserFactory, dump_books
from wallet.models import Entry

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parent.parent / "data"
PAGES = (
    ("product_list",),
    ("history",),
    ("members",),
    *((name, "camera-station") for name in ("product_wallet", "product_licensing", "system_setup")),
)


@contextmanager
def elsewhere() -> Iterator[None]:
    """What is done within is done in another instance: afterwards nothing of it is there."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def written(organization: Organization, on: date) -> io.BytesIO:
    file = io.BytesIO()
    write_organization(organization, file, on)
    return file


def altered(file: io.BytesIO, part: str, change: Callable[[str], str], *, honest: bool = True) -> io.BytesIO:
    """The file with another content of one part, of which the manifest tells unless it is not ``honest``."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts[part] = change(parts[part])
    if honest and part != MANIFEST:
        manifest = json.loads(parts[MANIFEST])
        for told in manifest["parts"]:
            if told["name"] == part:
                told["sha256"] = hashlib.sha256(parts[part].encode()).hexdigest()
                told["bytes"], told["rows"] = len(parts[part].encode()), parts[part].count("\n")
        parts[MANIFEST] = json.dumps(manifest)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return made


def page(organization: Organization, name: str, *arguments: str) -> list[str]:
    """What a page says to an administrator."""
    client = Client()
    person = organization.members.filter(memberships__role=Role.ADMINISTRATOR).order_by("email")[0]
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    answer = client.get(reverse(name, args=[organization.slug, *arguments]))
    assert answer.status_code == 200
    return re.sub(r"<[^>]*>", "\n", answer.content.decode()).split()


def books_of(organization: Organization) -> dict[str, Any]:
    """All that is written down, mail aside, which stays where it was sent."""
    return {name: rows for name, rows in dump_books(organization).items() if name != "mails"}


def history(file: str, scenario: int) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [step for step in map(json.loads, lines) if step["scenario"] == scenario]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", range(4))
@pytest.mark.parametrize("name", ["scenarios", "scenarios-hardware"])
def test_a_played_history_stands_the_same_elsewhere(name: str, scenario: int, frozen_clock: FrozenClock) -> None:
    steps = history(name, scenario)
    # A week later, when redemptions are undone nowhere any more: only that can't be done elsewhere.
    on = date.fromisoformat(steps[-1]["on"]) + timedelta(days=8)
    with elsewhere():
        player = Player()
        for step in steps:
            player.play_step(step)
        [organization] = player.organizations.values()
        person = UserFactory.create(email="ada@example.com")
        add_member(organization=organization, user=person, role=Role.ADMINISTRATOR, actor=None, on=on)
        frozen_clock.move_to(on)
        file = written(organization, on)
        stood, said = player.stand(organization, on), books_of(organization)
        pages = [page(organization, name, *arguments) for name, *arguments in PAGES]
    assert not Organization.objects.exists()
    # Somebody was there before: ids are others.
    with clock.jumps_allowed():
        decoy = Books(create_organization(name="Other Port", actor=None, on=date(2027, 3, 1)))
        decoy.report(date(2027, 3, 1), core=3)
        decoy.redeem(date(2027, 3, 1), core=3)
    untouched = books_of(decoy.organization)
    imported = read_organization(file).organization
    assert Player().stand(imported, on) == stood
    assert books_of(imported) == said
    assert [page(imported, name, *arguments) for name, *arguments in PAGES] == pages
    assert verify_books().differences == []
    assert books_of(decoy.organization) == untouched
