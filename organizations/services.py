"""Verbs that change organizations and their members."""

from datetime import date

from django.db import transaction
from django.utils.text import slugify

from history.models import Action
from history.record import record
from organizations.books import changing
from organizations.models import Membership, Organization, Role, User


def create_organization(
    *,
    name: str,
    time_zone: str = "UTC",
    country: str = "",
    slug: str = "",
    actor: User | None,
    on: date,
    made_by: User | None = None,
) -> Organization:
    """A new organization; ``actor``, where given, becomes its administrator.

    ``made_by`` is who is on record for it where that is somebody else, such as staff.
    """
    with transaction.atomic():
        organization = Organization(
            name=name, slug=slug or _free_slug(name), country=country, time_zone=time_zone, created_on=on
        )
        organization.full_clean(exclude=["settled_through", "next_due_on"])
        organization.save()
        record(organization=organization, action=Action.ORGANIZATION_CREATED, actor=made_by or actor, on=on, name=name)
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


def change_organization(
    *, organization: Organization, name: str, country: str, time_zone: str, actor: User | None, on: date
) -> None:
    """Change an organization's name, country or time zone, on record with what stood before (R32).

    The books are settled by the former time zone first, so that the organization's today never goes back (R1).
    """
    after = {"name": name, "country": country, "time_zone": time_zone}
    with changing(organization, on) as locked:
        before = {field: getattr(locked, field) for field in after}
        changed = {field: value for field, value in after.items() if value != before[field]}
        if not changed:
            return
        for field, value in changed.items():
            setattr(locked, field, value)
        locked.full_clean(exclude=["settled_through", "next_due_on"])
        locked.save(update_fields=[*changed])
        record(
            organization=locked,
            action=Action.ORGANIZATION_CHANGED,
            actor=actor,
            on=on,
            before={field: before[field] for field in changed},
            after=changed,
        )
