"""How long the palette takes for a person in 300 organizations with 5,000 systems, who types a few letters.

Run by ``make bench``; prints milliseconds of the server's processor and asserts only that the number of queries does not grow.
"""

import time
import uuid
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from organizations.models import Membership, Organization, Role, User
from products.models import Product, RegisteredProduct, System, SystemSource
from tests.bench.bench_setup import rendered_as_for_people
from tests.factories import Books

START = date(2027, 3, 1)
ROUNDS = 9
FEW, MANY = 10, 300
SYSTEMS = 5000
# What is typed: nothing yet, a letter that is nearly everywhere, names, an action, an id, symbols of a key, what nothing is called.
TYPED = ("", "s", "si", "site 0250", "allocate", "allocate site 17", "6f1c3f0e", "k7q2m", "nothing is called so")


@pytest.mark.django_db
def test_many_organizations(
    manager: User, manager_client: Client, books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print the milliseconds of each text, with few organizations and with many."""
    books.report(START, system="First", core=1)
    taken: dict[int, dict[str, tuple[float, int]]] = {}
    for total in (FEW, MANY):
        join(manager, total)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        taken[total] = {text: measure(manager_client, text) for text in TYPED}
    with capsys.disabled():
        print(f"\n{connection.vendor} (best of {ROUNDS}): {FEW} / {MANY} organizations, {SYSTEMS:,} systems in the end")
        for text in TYPED:
            (few, queries), (many, more) = taken[FEW][text], taken[MANY][text]
            print(f"  {text or '(nothing yet)':24}{few:8.1f} ms /{many:8.1f} ms   {queries} / {more} queries")
    assert all(taken[FEW][text][1] == taken[MANY][text][1] for text in TYPED)


def join(user: User, total: int) -> None:
    """Let the person be in so many organizations, each with four products and its part of the systems; rows as services leave."""
    products = [
        Product.objects.get_or_create(code=code, defaults={"name": name})[0]
        for code, name in (
            ("camera-station", "Camera Station"),
            ("audio-manager", "Audio Manager"),
            ("site-monitor", "Site Monitor"),
            ("recording-server", "Recording Server"),
        )
    ]
    made = Organization.objects.filter(slug__startswith="site-").count()
    organizations = Organization.objects.bulk_create(
        Organization(
            name=f"Site {number:04} Holding", slug=f"site-{number:04}", settled_through=START, created_on=START
        )
        for number in range(made, total)
    )
    Membership.objects.bulk_create(
        Membership(organization=each, user=user, role=Role.ADMINISTRATOR, since=START) for each in organizations
    )
    registered = RegisteredProduct.objects.bulk_create(
        RegisteredProduct(organization=each, product=product, registered_on=START)
        for each in organizations
        for product in products
    )
    share = SYSTEMS * len(organizations) // MANY
    System.objects.bulk_create(
        System(
            organization_id=registered[number % len(registered)].organization_id,
            registered_product=registered[number % len(registered)],
            system_id=uuid.uuid4(),
            name=f"Site {number:05}",
            source=SystemSource.ONLINE,
            license_basis_since=START,
            added_on=START,
            last_reported_on=START,
        )
        for number in range(share)
    )


def measure(client: Client, text: str) -> tuple[float, int]:
    """The shortest time of the palette's answer in milliseconds of the processor, and its number of queries."""

    def ask() -> None:
        answer = client.get("/go/", {"q": text, "at": "harbour"}, headers={"HX-Request": "true"})
        assert answer.status_code == 200

    with CaptureQueriesContext(connection) as queries:
        ask()
        number = len(queries)
    taken = []
    with rendered_as_for_people():
        for _round in range(ROUNDS):
            begun = time.process_time()
            ask()
            taken.append((time.process_time() - begun) * 1000)
    return min(taken), number
