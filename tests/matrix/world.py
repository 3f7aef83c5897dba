"""Two organizations full of texts of their own, and everybody who can come: members, strangers, a former member, staff, nobody."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import CharField, EmailField, Model, TextField
from django.test import Client

from hardware.catalogue import ensure_hardware_model
from hardware.license_files import issue_license_file
from hardware.models import HardwareUnit, LicenseFile, StagedFile
from hardware.reports import accept_report
from hardware.system_files import read_system_file
from licensemgr.core.tenancy.tables import tenant_tables
from licensemgr.portal.playing import ensure_catalogue
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Membership, Organization, Role, SavedView, User
from organizations.services import add_member, create_organization, remove_member
from organizations.work_models import WorkOrder, WorkState
from organizations.working import do_work
from products.models import LicenseType, Product, RegisteredProduct, System, SystemSource
from tests.architecture.urls import furnish_organization, furnish_vendor
from tests.factories import Books, UserFactory, issue
from tests.tenancy.rows import owner_column
from wallet.models import LicenseKey, Lot
from wallet.services import redeem_license_key

# A text of one organization: after it zqz, its letter, a number of its own, x. In no random text by chance.
MARK = re.compile(r"-zqz([ab])\d+x(?![0-9a-z])", re.IGNORECASE)
# The organization that has members of every role, and the one of the outsider.
THEIRS, STRANGERS = "a", "b"


@dataclass(frozen=True)
class Persona:
    """Somebody with a session, or nobody. ``letter`` is of the organization in which they have ``role``, else empty."""

    name: str
    user: User | None = None
    session: str = ""
    letter: str = ""
    role: str = ""

    @property
    def is_staff(self) -> bool:
        return self.user is not None and self.user.is_staff

    def role_in(self, letter: str) -> str:
        """The role in one of the two organizations; empty for none."""
        return self.role if letter == self.letter else ""


@dataclass
class Tenant:
    """One of the two organizations: the values of its URLs, its ids of every kind, its systems with their private keys."""

    letter: str
    organization: Organization
    values: Mapping[str, Any]
    ids: Mapping[str, str]
    online: SimulatedSystem


@dataclass
class World:
    """All of it."""

    tenants: Mapping[str, Tenant]
    personas: tuple[Persona, ...]
    vendor: Mapping[str, Any]
    # What tells of whom an answer speaks, beside the marks: ids and tails of keys, by the organization's letter.
    telling: Mapping[str, str] = field(default_factory=dict)

    def persona(self, name: str) -> Persona:
        """The persona of that name."""
        return next(each for each in self.personas if each.name == name)

    def administrator_of(self, letter: str) -> Persona:
        """Who may do everything there."""
        return self.persona("administrator" if letter == THEIRS else "outsider")

    def letter_of(self, organization: int | None) -> str:
        """The letter of one of the two organizations by its id; empty for others."""
        return next((each.letter for each in self.tenants.values() if each.organization.pk == organization), "")


def marks(letter: str) -> Callable[[str], str]:
    """A function that makes each text one that stands nowhere else."""
    numbers = count(1)
    return lambda text: f"{text}-zqz{letter}{next(numbers)}x"


def build_world(on: date, staff: User) -> World:
    """Both organizations, furnished alike; in each a product that the other one does not have."""
    theirs, strangers = marks(THEIRS), marks(STRANGERS)
    people = {name: _person(name, theirs) for name in ("administrator", "manager", "viewer", "former")}
    outsider = _person("outsider", strangers)
    asked = create_organization(name=theirs("Harbour"), slug=theirs("harbour"), actor=people["administrator"], on=on)
    other = create_organization(name=strangers("Port"), slug=strangers("port"), actor=outsider, on=on)
    for name in ("manager", "viewer"):
        add_member(organization=asked, user=people[name], role=Role(name), actor=None, on=on)
    left = add_member(organization=asked, user=people["former"], role=Role.ADMINISTRATOR, actor=None, on=on)
    ensure_catalogue()
    vendor = furnish_vendor(staff, on)
    tenants = {
        THEIRS: _furnished(THEIRS, asked, on, staff, theirs),
        STRANGERS: _furnished(STRANGERS, other, on, staff, strangers),
    }
    do_work()
    for letter, mark in ((THEIRS, theirs), (STRANGERS, strangers)):
        _write_what_is_said_later(tenants[letter].organization, mark)
    # In every table there is something of the one who left.
    remove_member(membership=left, actor=people["administrator"], on=on)
    personas = (
        Persona("anonymous"),
        _signed_in("outsider", outsider, STRANGERS, Role.ADMINISTRATOR),
        _signed_in("viewer", people["viewer"], THEIRS, Role.VIEWER),
        _signed_in("manager", people["manager"], THEIRS, Role.MANAGER),
        _signed_in("administrator", people["administrator"], THEIRS, Role.ADMINISTRATOR),
        _signed_in("staff", staff),
        _signed_in("former", people["former"]),
    )
    world = World(tenants, personas, vendor)
    world.telling = {text: tenant.letter for tenant in tenants.values() for text in _telling(tenant)}
    return world


def _person(name: str, mark: Callable[[str], str]) -> User:
    return UserFactory.create(email=f"{mark(name)}@example.com", first_name=mark("Ada"), last_name=mark("Minister"))


def _signed_in(name: str, user: User, letter: str = "", role: str = "") -> Persona:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return Persona(name, user, client.cookies[settings.SESSION_COOKIE_NAME].value, letter, role)


def _furnished(letter: str, organization: Organization, on: date, staff: User, mark: Callable[[str], str]) -> Tenant:
    books = Books(organization)
    own = Product.objects.create(code=f"only-{letter}", name=f"Only {letter}")
    LicenseType.objects.create(product=own, code="core-device", name="Core device", position=0)
    books.products = {**books.products, own.code: own}
    organization.notices_email = f"{mark('notices')}@example.com"
    organization.save(update_fields=["notices_email"])
    values = dict(furnish_organization(books, on, staff, mark))
    only = books.report(on, product=own.code, system=mark("Only"), software_version=mark("1.0"), core=1)
    key = issue(books.products["camera-station"], core=4)
    redeem_license_key(registered_product=books.registered(), license_key=key, actor=None, on=on)
    online = SimulatedSystem(mark("Online"), "camera-station")
    document = online.system_file(at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC), counts={"core-device": 0})
    accept_report(
        organization=organization,
        file=read_system_file(document),
        document=document,
        source=SystemSource.ONLINE,
        actor=None,
        on=on,
    )
    issue_license_file(system=System.objects.get(system_id=online.system_id), actor=None, on=on)
    serial = mark("SN-9").upper()
    ensure_hardware_model(books.products["camera-station"], {"core-device": 1})
    oak = books.make_unit(serial, core=1)
    values["only_product"] = own.code
    values["only_system"] = only.system_id
    return Tenant(letter, organization, values, _ids(organization, values, key, oak, mark), online)


def _write_what_is_said_later(organization: Organization, mark: Callable[[str], str]) -> None:
    """What only a failure, a confirmation or a person's own choice writes."""
    WorkOrder.objects.filter(organization=organization).exclude(state=WorkState.DONE).update(sentence=mark("Not made"))
    StagedFile.objects.filter(organization=organization).update(outcome=mark("Kept"))
    SavedView.objects.filter(organization=organization).update(query=f"search={mark('x')}")


def _ids(
    organization: Organization, values: Mapping[str, Any], key: str, oak: str, mark: Callable[[str], str]
) -> dict[str, str]:
    """What somebody might know of the organization and write where an id is asked, by its kind."""
    unit = HardwareUnit.objects.get(pk=values["unit"])
    member = Membership.objects.filter(organization=organization, role=Role.ADMINISTRATOR).order_by("pk")[0]
    found: dict[str, Any] = {
        "organization": organization.slug,
        "organization id": organization.pk,
        "product": values["only_product"],
        "registered product": RegisteredProduct.objects.get(
            organization=organization, product__code=values["only_product"]
        ).pk,
        "system": values["system"],
        "system row": System.objects.get(system_id=values["system"]).pk,
        "unit": unit.pk,
        "serial": unit.serial,
        "owner authentication key": oak,
        "lot": Lot.objects.filter(organization=organization).order_by("pk")[0].pk,
        "license key": key,
        "license key row": LicenseKey.objects.filter(redemptions__organization=organization).order_by("pk")[0].pk,
        "license file": LicenseFile.objects.filter(organization=organization).order_by("pk")[0].file_id,
        "work": values["work"],
        "member": values["member"],
        "membership": member.pk,
        "e-mail": member.user.email,
        "invitation": values["invitation"],
        "upload": values["batch"],
        "registration code": values["code"],
        "saved view": values["view"],
        "subject": f"{values['product']}/{values['system']}",
    }
    return {kind: str(value) for kind, value in found.items()}


def _telling(tenant: Tenant) -> Iterator[str]:
    """Ids and tails that are random enough to stand in no answer by chance."""
    organization = tenant.organization
    for model, column in (("products.System", "system_id"), ("hardware.LicenseFile", "file_id")):
        yield from (str(value) for value in _values(apps.get_model(model), organization, column))
    yield str(tenant.values["batch"])
    yield from LicenseKey.objects.filter(redemptions__organization=organization).values_list("tail", flat=True)
    yield from (str(value) for value in _values(apps.get_model("hardware.RegistrationCode"), organization, "tail"))


def _values(model: type[Model], organization: Organization, column: str) -> list[Any]:
    return list(model._base_manager.filter(organization=organization).values_list(column, flat=True))


def unmarked_columns(world: World) -> set[str]:
    """The columns of tenants' tables that hold free text and in no row of the first organization one of its marks."""
    found = set()
    for table in tenant_tables():
        model = apps.get_model(table.label)
        rows = model._base_manager.all()
        column = owner_column(table)
        if column is None:
            continue
        mine = list(rows.filter(**{column: world.tenants[THEIRS].organization.pk}))
        for each in model._meta.concrete_fields:
            if isinstance(each, (CharField, TextField, EmailField)) and not each.choices:
                texts = " ".join(str(getattr(row, each.attname)) for row in mine)
                if mine and not MARK.search(texts):
                    found.add(f"{table.label}.{each.name}")
    return found


def has_results(world: World) -> bool:
    """Whether the files that members ordered were made: else nothing of them could leak."""
    orders = WorkOrder.objects.filter(pk__in=[tenant.values["work"] for tenant in world.tenants.values()])
    return [order.state for order in orders] == [WorkState.DONE] * len(world.tenants)
