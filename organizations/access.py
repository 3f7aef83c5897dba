"""The one door to an organization's pages (R30, R31): login, membership, permission, transaction, and whose rows there are."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import connection, models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django_htmx.middleware import HtmxDetails

from licensemgr.core import clock
from licensemgr.core.tenancy import Part, acting, acting_for, acting_now, sent_as_now
from organizations.books import lock_organization
from organizations.models import AccessGrant, Membership, Organization, Role, User


class Permission(models.TextChoices):
    """What a page lets a member do. The label says it to the members, beside the table of who may."""

    LOOK = "look", _("See products, licenses, systems, members and History")
    MANAGE_LICENSES = (
        "manage_licenses",
        _("Start subscriptions, redeem license keys, allocate licenses, release a coming year"),
    )
    MANAGE_SYSTEMS = "manage_systems", _("Register products and systems, change devices, hide products")
    ADMINISTER = (
        "administer",
        _("Invite and remove members, change roles and settings, undo a redemption, close the organization"),
    )


# Who may do what (R31). Views, templates and pages that explain roles all read this one table.
PERMISSIONS: Mapping[str, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.MANAGER: frozenset({Permission.LOOK, Permission.MANAGE_LICENSES, Permission.MANAGE_SYSTEMS}),
    Role.VIEWER: frozenset({Permission.LOOK}),
}


_READING = ("GET", "HEAD", "OPTIONS")


class OrganizationRequest(HttpRequest):
    """A request that came through the door: whose it is, for which organization, on which date."""

    user: User
    organization: Organization
    # What the page's view is marked with.
    permission: Permission
    # A person of the vendor in the support view has one that is not stored, of a viewer.
    membership: Membership
    # The grant under which such a person looks (R30); None for members.
    grant: AccessGrant | None
    # The organization's today (R1), read once.
    today: date
    # Set by django-htmx's middleware; true where htmx asks.
    htmx: HtmxDetails


def may(membership: Membership, permission: Permission) -> bool:
    """Whether a member's role has the permission (R31)."""
    return permission in PERMISSIONS[membership.role]


P = ParamSpec("P")
OrganizationView = Callable[Concatenate[OrganizationRequest, P], HttpResponse]


def organization_view(
    permission: Permission, *, own_transactions: bool = False
) -> Callable[[OrganizationView[P]], Callable[..., HttpResponse]]:
    """Mark a view as a page of one organization whose slug its URL begins with.

    A stranger gets the same 404 as for an organization that does not exist, and so does a member of one that is closed; a
    member without ``permission`` gets 403. A person of the vendor may look while a grant is in force, and never send (R30).
    The view runs in one transaction: read-only on PostgreSQL for GET, one that writes for the rest. With ``own_transactions``
    there is none around what is sent: the view opens each by `entered_again`, and works between them while nobody has to wait
    for it. That is for what takes long, or is several changes of which each stays when the next one fails.
    """

    def mark(view: OrganizationView[P]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def door(request: HttpRequest, organization: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            reading = request.method in _READING

            def entered() -> HttpResponse:
                return _within(_let_in(request, organization, permission), lambda let_in: view(let_in, *args, **kwargs))

            with as_person(cast(User, request.user)):
                if connection.vendor == "sqlite" if reading else own_transactions:
                    return entered()
                with transaction.atomic():
                    if reading and not _is_nested():
                        with connection.cursor() as cursor:
                            cursor.execute("SET TRANSACTION READ ONLY")
                    return entered()

        marked = login_required(door)
        # Read by the tests of the URLconf
        vars(marked).update(organization_permission=permission, own_transactions=own_transactions)
        return marked

    return mark


@contextlib.contextmanager
def as_person(user: User) -> Iterator[None]:
    """The database shows the person's own memberships, grants and what they are of, and no row of any organization's books.

    Within the door, which did so already, nothing changes.
    """
    now = acting_now()
    if now is not None and (now.part, now.person) == (Part.TENANT, user.pk):
        yield
        return
    with acting(Part.TENANT, person=user.pk):
        yield


@contextlib.contextmanager
def in_all_organizations(user: User) -> Iterator[None]:
    """The database shows the rows of all organizations into which the door lets the person: for pages that list them."""
    organizations: list[int] = []
    if connection.vendor == "postgresql":
        with as_person(user):
            organizations = [entrance.organization_id for entrance in entrances_of(user)]
    with acting(Part.TENANT, organizations=organizations, person=user.pk):
        yield


def _within(request: OrganizationRequest, view: Callable[[OrganizationRequest], HttpResponse]) -> HttpResponse:
    """The view's answer, made while the database shows the rows of the organization alone; so is what it sends later."""
    with acting_for(request.organization.pk):
        return sent_as_now(view(request))


def _let_in(request: HttpRequest, slug: str, permission: Permission) -> OrganizationRequest:
    """The request of whoever may now do what the page lets do. Raises Http404 for a stranger, else PermissionDenied."""
    user = cast(User, request.user)
    grant: AccessGrant | None = None
    membership = (
        Membership.objects.select_related("organization")
        .filter(user=user, organization__slug=slug, organization__closed_on=None)
        .first()
    )
    if membership is None:
        grant = grant_in_force(user, slug)
        if grant is None:
            raise Http404
        if request.method not in _READING:
            # Whatever a page lets a viewer do: a support view changes nothing.
            raise PermissionDenied
        membership = _viewer_by(grant)
    if not may(membership, permission):
        raise PermissionDenied
    entered = cast(OrganizationRequest, request)
    entered.membership = membership
    entered.grant = grant
    entered.organization = membership.organization
    entered.permission = permission
    entered.today = clock.today(membership.organization)
    return entered


@contextlib.contextmanager
def entered_again(request: OrganizationRequest) -> Iterator[None]:
    """One transaction of a view with ``own_transactions``: it commits by itself, and who asks comes through the door anew.

    The organization is locked first, so that nobody's role changes within it; role and today are read again, and what the
    request knew of both is what holds now. Raises what the door raises for one who may no more; then nothing was done.
    """
    with transaction.atomic(durable=True):
        lock_organization(request.organization)
        _let_in(request, request.organization.slug, request.permission)
        yield


def grant_in_force(user: User, slug: str) -> AccessGrant | None:
    """The grant under which a person of the vendor may look at an organization now, a closed one too (R30)."""
    if not user.is_staff:
        return None
    return _grants_in_force(user).filter(organization__slug=slug).first()


def entrances_of(user: User) -> list[Membership]:
    """What the door lets the person into now, by the organization's name: memberships, and grants in force as viewers (R30)."""
    entrances = list(Membership.objects.select_related("organization").filter(user=user, organization__closed_on=None))
    if user.is_staff:
        mine = {entrance.organization_id for entrance in entrances}
        for grant in _grants_in_force(user):
            if grant.organization_id not in mine:
                mine.add(grant.organization_id)
                entrances.append(_viewer_by(grant))
    return sorted(entrances, key=lambda entrance: (entrance.organization.name, entrance.organization_id))


def _grants_in_force(user: User) -> "models.QuerySet[AccessGrant]":
    return (
        AccessGrant.objects.select_related("organization")
        .filter(user=user, ended_at=None, expires_at__gt=clock.real_now())
        .order_by("-expires_at")
    )


def _viewer_by(grant: AccessGrant) -> Membership:
    """The membership that a grant stands for: not stored, a viewer's."""
    return Membership(organization=grant.organization, user=grant.user, role=Role.VIEWER, since=grant.granted_at.date())


def _is_nested() -> bool:
    """Whether a transaction was open before the door's, as in tests; then its mode can't be set any more."""
    return len(connection.atomic_blocks) > 1
