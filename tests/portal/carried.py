"""An organization with something of every kind, as a file and as the portal showed it that wrote the file."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from hardware.issue_log import remember_numbers
from hardware.license_files import document_of
from hardware.models import LicenseFile
from licensemgr.core import clock
from licensemgr.portal.carrying.kinds import KINDS
from licensemgr.portal.carrying.writing import write_organization
from organizations.models import Organization, Role, User
from organizations.services import add_member, create_organization, leave_organization
from products.device_lists import ListedDevice
from tests.architecture.urls import furnish
from tests.conftest import TODAY
from tests.factories import Books, UserFactory, dump_books
from wallet.services import undo_redemption

# How many license files of a system the books forgot.
FORGOTTEN = 6


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


def page(organization: Organization, name: str, *arguments: str) -> list[str]:
    """What a page says to an administrator."""
    client = Client()
    person = organization.members.filter(memberships__role=Role.ADMINISTRATOR).order_by("email")[0]
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    answer = client.get(reverse(name, args=[organization.slug, *arguments]))
    assert answer.status_code == 200
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return re.sub(r"<[^>]*>", "\n", main).split()


def books_of(organization: Organization) -> dict[str, Any]:
    """All that is written down but ids in History, and mail, which stays where it was sent."""
    dumped = dump_books(organization)
    del dumped["mails"]
    for *_told, payload in dumped["records"]:
        for name in ("member", "invitation"):
            payload.pop(name, None)
    return dumped


def rows_of(file: io.BytesIO, part: str) -> list[dict[str, Any]]:
    with zipfile.ZipFile(file) as archive:
        return [json.loads(line) for line in archive.read(part).splitlines()]


@dataclass(frozen=True)
class Carried:
    """An organization's file, and what the portal said that wrote it."""

    file: io.BytesIO
    rows: dict[str, int]
    documents: list[bytes]
    books: dict[str, Any]
    # What System setup shows.
    systems: list[str]


@cache
def made_once() -> Carried:
    """What is made of it is rolled back, so that every test may have the same."""
    with elsewhere(), clock.jumps_allowed():
        ada = UserFactory.create(email="ada@example.com", first_name="Ada", last_name="Minister", language="sv")
        organization = create_organization(name="Harbour Cameras", slug="harbour", actor=ada, on=TODAY)
        leaving = UserFactory.create(email="leaving@example.com")
        member = add_member(organization=organization, user=leaving, role=Role.VIEWER, actor=ada, on=TODAY)
        leave_organization(membership=member, on=TODAY)
        books = Books(organization)
        furnish(books, TODAY, User.objects.create_superuser("staff@example.net", "a long staff password"))
        undo_redemption(redemption=books.redeem(TODAY, core=4), actor=ada, on=TODAY)
        books.release(TODAY, 1)
        books.unit(TODAY, "SN-3", core=1)
        books.report(TODAY, system="Hall", unit="SN-3", core=4)
        device = ListedDevice("00:40:8C:00:00:01", "P3265", "core-device")
        books.report(TODAY, system="Listed", core=1, device_list=[device])
        # As after a backup was restored.
        remember_numbers(
            {"system_id": file.system.system_id, "sequence": file.sequence + FORGOTTEN}
            for file in LicenseFile.objects.all()
        )
        rows = {each.label: each.rows(organization, each.model).count() for each in KINDS}
        documents = [document_of(file) for file in LicenseFile.objects.all()]
        file = written(organization, TODAY)
        return Carried(
            file, rows, documents, books_of(organization), page(organization, "system_setup", "camera-station")
        )
