"""Whom and what the pages of the gallery are about: the demonstration's organizations, and some at the ends of what there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from licensemgr.core import clock
from licensemgr.portal.demonstration import seed_demonstration
from organizations.models import Organization, Role, User
from organizations.services import add_member, create_organization
from organizations.support import open_support_view
from products.models import Product, SystemSource
from tests.architecture.urls import furnish
from tests.factories import PASSWORD, Books, UserFactory

TODAY = date(2027, 3, 1)
# Organizations of the demonstration (licensemgr/portal/demonstration.py).
NORDHAMN, SCHOOLS, HOTELS, MUSEUM = "nordhamn-logistics", "ashford-schools", "minato-hotels", "solvik-museum"
# And of the gallery: one in which every table holds something, one with names as long as they can be and many systems, one
# that gave a year back.
HARBOUR, LONG, RELEASED = "harbour", "long", "released"
CAMERA = "camera-station"
LONG_NAME = (
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft of the harbour and all its lights"
)
MANY_SYSTEMS = 60


@dataclass
class World:
    """Values of URL parameters by which each URL leads to something, and the people."""

    values: Mapping[str, object]
    people: Mapping[str, User]

    def person(self, name: str) -> User:
        """Somebody, fresh from the database."""
        return User.objects.get(pk=self.people[name].pk)

    def books(self, slug: str) -> Books:
        """Acts in one of the organizations."""
        return Books(Organization.objects.get(slug=slug))


def build_world() -> World:
    """Everything, through the services; some seconds, once for many pages."""
    seed_demonstration(today=TODAY)
    people = {user.email.partition("@")[0]: user for user in User.objects.all()}
    people["staff"] = User.objects.create_superuser("staff@example.net", PASSWORD)
    for name in ("administrator", "manager", "viewer", "newcomer"):
        people[name] = UserFactory.create(email=f"{name}@example.com")
    with clock.jumps_allowed():
        harbour = _create("Harbour Cameras", HARBOUR, people)
        values = furnish(Books(harbour), TODAY, people["staff"])
        _fill_long(_create(LONG_NAME, LONG, people))
        _release(Books(_create("Released Lights", RELEASED, people)))
    open_support_view(
        organization=Organization.objects.get(slug=NORDHAMN), user=people["staff"], reason="A call of Monday", on=TODAY
    )
    return World(values, people)


def _create(name: str, slug: str, people: Mapping[str, User]) -> Organization:
    organization = create_organization(name=name[:120], slug=slug, actor=people["administrator"], on=TODAY)
    for role in (Role.MANAGER, Role.VIEWER):
        add_member(organization=organization, user=people[role.value], role=role, actor=None, on=TODAY)
    return organization


def _fill_long(organization: Organization) -> None:
    """Many systems with the longest names there can be, of a product with the longest name."""
    books = Books(organization)
    product = Product.objects.create(code="long-product", name=LONG_NAME[:120], trial_days=30)
    product.license_types.create(code="long-device", name=f"Device {LONG_NAME}"[:120], position=0)
    listed: dict[str, Any] = {**books.products, product.code: product}
    books = Books(organization, product.code, listed)
    for number in range(MANY_SYSTEMS):
        name = f"{number} {LONG_NAME}"[:120] if number % 2 else f"{number}{'Hafen' * 24}"[:120]
        books.report(TODAY, system=name, source=SystemSource.MANUAL, long_device=99_999)
    books.start(TODAY)
    everything = MANY_SYSTEMS * 99_999
    for _time in range(2):
        books.redeem(TODAY, long_device=everything // 60)


def _release(books: Books) -> None:
    books.report(TODAY, core=2)
    books.start(TODAY)
    books.redeem(TODAY, core=4)
    books.allocate(TODAY, {"core": 2}, {"core": 2})
    books.release(TODAY, 1)
