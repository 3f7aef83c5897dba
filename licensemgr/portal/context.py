"""What every page of the portal needs in its frame."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from licensemgr.core import clock
from licensemgr.core.tenancy import Part, acting
from licensemgr.portal.queries import next_event_of
from licensemgr.portal.shortcuts import shown_shortcuts
from organizations.access import Permission, as_person, may
from organizations.models import Membership
from organizations.work import counted_with, counts_of


@dataclass(frozen=True)
class OrganizationEntry:
    """A row of the organization drop-down."""

    name: str
    slug: str
    role_label: str


@dataclass(frozen=True)
class DemonstrationBar:
    """The demonstration's date, and the next date on which something happens by itself."""

    today: date
    next_due: date | None
    next_due_label: str


def portal(request: HttpRequest) -> dict[str, Any]:
    """The person's organizations, the one that the page is about, what its member may do, the demonstration's clock.

    A fragment has no frame: there only what the door found is given, without a query.
    """
    membership: Membership | None = getattr(request, "membership", None)
    user = getattr(request, "user", None)
    context: dict[str, Any] = {
        "is_demonstration": settings.DEMONSTRATION,
        "is_signup_open": settings.SIGNUP == "open",
        "organization": membership.organization if membership else None,
        "membership": membership,
        "grant": getattr(request, "grant", None),
        "languages": settings.LANGUAGES,
        "language_chosen": getattr(user, "language", request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")),
        "may": {str(permission): may(membership, permission) for permission in Permission} if membership else {},
    }
    htmx = getattr(request, "htmx", None)
    if htmx and not htmx.boosted and not htmx.history_restore_request:
        return context
    context["shortcuts"] = shown_shortcuts(membership.organization.slug if membership else "", context["may"])
    if user is None or not user.is_authenticated:
        return context
    with as_person(user):
        memberships = list(
            Membership.objects.filter(user=user, organization__closed_on=None)
            .select_related("organization")
            .annotate(**counted_with("organization", "user"))
            .order_by("organization__name", "pk")
        )
    context["my_organizations"] = [
        OrganizationEntry(entry.organization.name, entry.organization.slug, entry.get_role_display())
        for entry in memberships
    ]
    if membership is not None:
        here = [entry for entry in memberships if entry.organization_id == membership.organization_id]
        context["work_counts"] = counts_of(here[0]) if here else None
    if settings.DEMONSTRATION:
        organizations = [entry.organization for entry in memberships]
        with acting(Part.TENANT, organizations=[each.pk for each in organizations], person=user.pk):
            event = next_event_of(organizations)
        context["demonstration"] = DemonstrationBar(
            clock.now().date(), event.on if event else None, event.label if event else ""
        )
    return context
