"""Every URL of the portal from a walk of its URLconf, and an organization in which each of them leads to something."""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from hardware.ending import replace_unit
from hardware.license_files import issue_license_file
from hardware.models import StagedFile, UnitImport
from hardware.registration_codes import make_code
from hardware.reports import accept_report
from hardware.staging import STAGED_FOR
from hardware.system_files import read_system_file
from licensemgr.celery import make_folders
from licensemgr.core import clock, signing_keys
from licensemgr.core.models import JobRun, SigningKey
from licensemgr.portal.simulating import SimulatedSystem
from licensemgr.shop.endpoints import make_endpoint
from licensemgr.shop.events import write_test
from licensemgr.shop.models import WebhookKind
from licensemgr.shop.orders import issue_for_order
from licensemgr.shop.tokens import make_token
from organizations.invitations import invite_member
from organizations.models import ListPreference, Organization, Role, SavedView, User
from organizations.work import order_work
from organizations.work_models import WorkOrder
from products.models import Reseller, ResellerKind, System, SystemSource
from tests.factories import Books
from wallet.corrections import correct_wallet
from wallet.models import RefusedTries


@dataclass(frozen=True)
class Route:
    """A URL of the portal: its whole route, its name with its namespace ("" where it has none), and its view."""

    path: str
    name: str
    pattern: URLPattern

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"<(?:\w+:)?(\w+)>", self.path)

    @property
    def permission(self) -> str | None:
        """What a member has to be allowed, for a page of one organization."""
        found: str | None = getattr(self.pattern.callback, "organization_permission", None)
        return found

    def url(self, values: Mapping[str, object]) -> str:
        """The URL with these values of its parameters."""
        unknown = set(self.parameters) - set(values)
        assert not unknown, f"give tests/architecture/urls.py a value for {unknown} of {self.path}"
        if self.name:
            return reverse(self.name, kwargs={name: values[name] for name in self.parameters})
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), self.path)


def walk(patterns: list[Any] | None = None, before: str = "", namespace: str = "") -> Iterator[Route]:
    """The routes below these patterns; all of them without."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = before + _plain(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from walk(pattern.url_patterns, path, inner)
        else:
            yield Route(path, f"{namespace}{pattern.name}" if pattern.name else "", pattern)


def _plain(route: str) -> str:
    """A regular expression of a route with its groups as parameters, and without the signs of its beginning and end."""
    return (
        re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route)
        .replace("^", "")
        .replace("$", "")
        .replace("\\", "")
    )


def furnish(books: Books, on: date, staff: User) -> dict[str, object]:
    """Let every table of the portal hold something; returns a value for each parameter of a URL."""
    return furnish_vendor(staff, on) | furnish_organization(books, on, staff)


def furnish_vendor(staff: User, on: date) -> dict[str, object]:
    """What is nobody's in particular: resellers, imports, orders and webhooks of the shop, jobs; values of their URLs."""
    # Of the queue, for which the portal is ready only then.
    make_folders()
    reseller = Reseller.objects.create(name="Nord", kind=ResellerKind.RESELLER, city="Lund", country="SE")
    hour = datetime(2027, 3, 1, tzinfo=UTC)
    UnitImport.objects.create(digest="0" * 64, file_name="units.csv", size=1, started_at=hour)
    furnish_orders(staff)
    furnish_webhooks(staff)
    JobRun.objects.create(job="x", business_date=on, claimed_at=hour)
    return {
        "name": "license-file-1",
        "component": "status_badge",
        "reseller": reseller.pk,
        "own_list": "where-to-buy",
        "message": 1,
        "token": "no-such-token",
        "key": "no-such-key",
        "uidb36": "1",
        # In the admin site
        "app_label": "wallet",
        "url": "no-such-page",
        "content_type_id": 1,
        "id": staff.pk,
        "pk": 1,
    }


def furnish_organization(books: Books, on: date, staff: User, mark: Callable[[str], str] = str) -> dict[str, object]:
    """Let every table of a tenant hold something of the organization; returns the values of its URLs.

    ``mark`` makes each text that is written of it the organization's own, so that it can be told from another one's.
    """
    organization = books.organization
    system = books.report(on, system=mark("Main"), source=SystemSource.MANUAL, core=2)
    books.start(on)
    redemption = books.redeem(on, core=9)
    books.allocate(on, {"core": 2}, {"core": 2})
    books.report(on, system=system.name, source=SystemSource.MANUAL, core=6)
    books.report(on, product="audio-manager", system=mark("Audio"), audio=1)
    invitation = invite_member(
        organization=organization, email=f"{mark('new')}@example.com", role=Role.VIEWER, actor=None, on=on
    )
    correct_wallet(
        registered_product=books.registered(),
        license_type=books.products["camera-station"].license_types.get(code="core-device"),
        kind="subscription",
        change=1,
        reason=mark("x"),
        form_token=uuid.uuid4(),
        actor=staff,
        on=on,
    )
    hour = datetime(2027, 3, 1, tzinfo=UTC)
    RefusedTries.objects.create(user=staff, organization=organization, address="192.0.2.1", hour=hour)
    first, second = mark("SN-1"), mark("SN-2")
    unit = books.unit(on, first, core=1)
    books.redeem(on, kind="hardware", core=2)
    books.expand(on, unit, core=2)
    books.report(on, system=mark("Gate"), unit=first, core=1)
    books.make_unit(second)
    kept = replace_unit(old_unit=unit, new_serial=second, reason=mark("repair"), actor=staff, on=on).new_unit
    vessel = furnish_files(organization, on, mark)
    code = make_code(
        organization=organization, label=mark("Site"), uses=2, days=7, actor=staff, on=on, form_token=uuid.uuid4()
    ).row
    work = furnish_work(organization, on)
    LogEntry.objects.log_actions(staff.pk, [organization], CHANGE)
    administrator = organization.memberships.filter(role=Role.ADMINISTRATOR).order_by("pk")[0]
    view = SavedView.objects.create(
        organization=organization, user=administrator.user, list_name="history", name=mark("All")
    )
    ListPreference.objects.create(user=administrator.user, list_name="history")
    return {
        "organization": organization.slug,
        "product": system.registered_product.product.code,
        "system": system.system_id,
        "system_id": vessel.system_id,
        "transfer": redemption.transfer.sequence,
        "number": 1,
        "what": "need",
        "member": administrator.user_id,
        "invitation": invitation.pk,
        "unit": kept.pk,
        "batch": furnish_uploads(organization, mark),
        "code": code.pk,
        "work": work.pk,
        "list_name": "history",
        "view": view.pk,
    }


def furnish_uploads(organization: Organization, mark: Callable[[str], str] = str) -> uuid.UUID:
    """A file that each member uploaded and that was refused; returns the batch."""
    batch = uuid.uuid4()
    for number, member in enumerate(organization.memberships.order_by("pk"), start=1):
        StagedFile.objects.create(
            organization=organization,
            batch=batch,
            number=number,
            file_name=f"{mark('system')}.json",
            packed=b"",
            refusal=mark("Refused."),
            uploaded_by=member.user,
            uploaded_at=clock.real_now(),
            expires_at=clock.real_now() + STAGED_FOR,
        )
    return batch


def furnish_files(organization: Organization, on: date, mark: Callable[[str], str] = str) -> System:
    """An offline system without devices, its license file, and a report of a copy of it that waits for a decision."""
    if not SigningKey.objects.exists():
        signing_keys.rotate()
    name = mark("Vessel")
    offline = SimulatedSystem(name, "camera-station")
    copy = SimulatedSystem(name, "camera-station", system_id=offline.system_id)
    for simulated in (offline, copy):
        document = simulated.system_file(at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC), counts={})
        accept_report(
            organization=organization,
            file=read_system_file(document),
            document=document,
            source=SystemSource.OFFLINE,
            actor=None,
            on=on,
        )
    system = System.objects.get(system_id=offline.system_id, removed_on=None)
    issue_license_file(system=system, actor=None, on=on)
    return system


def furnish_work(organization: Organization, on: date) -> WorkOrder:
    """A file that each member asked for; returns that of the first administrator."""
    orders = {
        member.role: order_work(
            organization=organization, person=member.user, kind="license_files", arguments={}, on=on
        )
        for member in organization.memberships.order_by("-pk")
    }
    return orders[Role.ADMINISTRATOR]


def furnish_orders(staff: User) -> None:
    """A token of the shop, and a line of an order for which keys were issued."""
    token = make_token(name="Shop", scopes=["keys:issue"], days=1, actor=staff, form_token=uuid.uuid4()).row
    issue_for_order(
        order="PO-1",
        line="1",
        product="camera-station",
        kind="subscription",
        licenses={"core-device": 1},
        count=1,
        token=token,
    )


def furnish_webhooks(staff: User) -> str:
    """A webhook with a delivery that waits; returns its secret."""
    given = make_endpoint(
        name="Shop",
        url="https://shop.example.com/hooks",
        kinds=[WebhookKind.REDEEMED],
        actor=staff,
        form_token=uuid.uuid4(),
    )
    write_test(given.endpoint)
    return given.secret


def in_admin(route: Route, values: Mapping[str, object]) -> dict[str, object]:
    """The values with the id of a row of the table to which a page of the admin site belongs."""
    model = next(
        (each for each in apps.get_models() if f"/{each._meta.app_label}/{each._meta.model_name}/" in f"/{route.path}"),
        None,
    )
    row = model._base_manager.order_by("pk").first() if model is not None else None
    return {**values, "object_id": row.pk if row is not None else 1}
