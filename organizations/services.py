"""Verbs that change organizations and their members."""

from datetime import date

from django.db import transaction
from django.utils.text import slugify

from history.models import Action
from history.record import record
from organizations.models import Membership, Organization, Role, User


def create_organization(
    *, name: str, time_zone: str = "UTC", country: str = "", slug: str = "", actor: User | None, on: date
) -> Organization:
    """A new organization; ``actor``, where given, becomes its administrator."""
    with transaction.atomic():
        organization = Organization(
            name=name, slug=slug or _free_slug(name), country=country, time_zone=time_zone, created_on=on
        )
        organization.full_clean(exclude=["settled_through", "next_due_on"])
        organization.save()
        record(organization=organization, action=Action.ORGANIZATION_CREATED, actor=actor, on=on, name=name)
        if actor is not None:
            add_member(organization=organization, user=actor, role=Role.ADMINISTRATOR, actor=actor, on=on)
    return organization


def _free_slug(name: str) -> str:
    base = slugify(name)[:50] or "organization"
    taken = set(Organization.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if slug not in taken)


def add_member(*, organization: Organization, user: User, role: Role, actor: User | None, on: date) -> Membership:
    """Make a person a member with a role (R31)."""
    with transaction.atomic():
        membership = Membership.objects.create(organization=organization, user=user, role=role, since=on)
        record(
            organization=organization,
            action=Action.MEMBER_ADDED,
            actor=actor,
            on=on,
            member=user.pk,
            role=str(role),
        )
    return membership
