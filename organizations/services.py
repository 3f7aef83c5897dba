"""Verbs that change organizations and their members."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from history.models import Action
from history.record import record
from licensemgr.core import clock
from licensemgr.core.tenancy import Part, acting, acting_for
from organizations.books import changing, lock_organization
from organizations.errors import AccountClosed, LastAdministrator, MemberGone, NotAdministrator
from organizations.lists import forget_views
from organizations.models import Membership, Organization, Role, User
from organizations.notices import withdraw_notices
from organizations.work import withdraw_work_mail


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
        organization = Organization(name=name, slug=slug, country=country, time_zone=time_zone, created_on=on)
        with acting(Part.REGISTRY):
            _save_with_free_slug(organization)
        with acting_for(organization.pk):
            by = made_by or actor
            record(organization=organization, action=Action.ORGANIZATION_CREATED, actor=by, on=on, name=name)
            if actor is not None:
                add_member(organization=organization, user=actor, role=Role.ADMINISTRATOR, actor=actor, on=on)
    return organization


def create_own_organization(*, user: User, name: str, country: str, time_zone: str) -> Organization:
    """A further organization of a person, who administers it; it begins today by its own clocks.

    The same one asked for again on the same day is the one that is there: a form that was sent twice makes one.
    """
    on = clock.local_date(clock.now(), time_zone)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        with acting(Part.TENANT, person=user.pk):
            made = Organization.objects.filter(
                memberships__user=user,
                memberships__role=Role.ADMINISTRATOR,
                name=name,
                country=country,
                time_zone=time_zone,
                created_on=on,
                closed_on=None,
            ).first()
        return made or create_organization(name=name, country=country, time_zone=time_zone, actor=user, on=on)


def _save_with_free_slug(organization: Organization) -> None:
    """Save a new organization, under a slug made from its name where it has none yet."""
    if organization.slug:
        organization.full_clean(exclude=["settled_through", "next_due_on"])
        organization.save()
        return
    while True:
        organization.slug = _free_slug(organization.name)
        organization.full_clean(exclude=["settled_through", "next_due_on"], validate_unique=False)
        try:
            with transaction.atomic():
                organization.save()
        except IntegrityError:
            # Another organization took the slug at this very moment; unless it did, the fault is a different one.
            if not Organization.objects.filter(slug=organization.slug).exists():
                raise
        else:
            return


def _free_slug(name: str) -> str:
    base = slugify(name)[:50] or "organization"
    taken = set(Organization.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if slug not in taken)


def choose_guide(*, membership: Membership, hides: bool) -> None:
    """Hide the guide of the first steps from one person, or show it again. No part of the books: nothing is on History."""
    Membership.objects.filter(pk=membership.pk).update(hides_guide=hides)


def change_organization(
    *,
    organization: Organization,
    name: str,
    country: str,
    time_zone: str,
    notices_email: str | None = None,
    actor: User | None,
    on: date,
) -> None:
    """Change an organization's name, country, time zone or contact for notices, on record with what stood before (R32).

    A new time zone counts from the next day (R35); the books are settled by the one that counts today, so that the
    organization's today never goes back (R1). ``notices_email`` of None leaves the contact as it is.
    """
    after = {"name": name, "country": country, "time_zone": time_zone}
    if notices_email is not None:
        after["notices_email"] = notices_email
    with changing(organization, on) as locked:
        before = {field: getattr(locked, field) for field in after}
        changed = {field: value for field, value in after.items() if value != before[field]}
        if not changed:
            return
        now = clock.now()
        counting = locked.time_zone_at(now)
        for field, value in changed.items():
            setattr(locked, field, value)
        locked.full_clean(exclude=["settled_through", "next_due_on"])
        locked.save(update_fields=[*changed])
        if "time_zone" in changed:
            _count_from_tomorrow(locked, counting, now)
        # The contact may be a person's address, and names of people stay outside of History.
        told: dict[str, Any] = {"contact": "changed"} if changed.pop("notices_email", None) is not None else {}
        record(
            organization=locked,
            action=Action.ORGANIZATION_CHANGED,
            actor=actor,
            on=on,
            before={field: before[field] for field in changed},
            after=changed,
            **told,
        )


def _count_from_tomorrow(locked: Organization, counting: str, now: datetime) -> None:
    """Let the time zone that counts at ``now`` do so until its day ends, and the organization's new one after that (R35).

    So a second change on one day replaces the zone to come, never the one that counts.
    """
    if counting == locked.time_zone:
        # Changed back on the same day: it never stopped counting.
        locked.former_time_zone, locked.time_zone_since = "", None
    else:
        tomorrow = clock.local_date(now, counting) + timedelta(days=1)
        locked.former_time_zone, locked.time_zone_since = counting, clock.day_begins(tomorrow, counting)
    locked.save(update_fields=["former_time_zone", "time_zone_since"])


def add_member(*, organization: Organization, user: User, role: Role, actor: User | None, on: date) -> Membership:
    """Make a person a member with a role (R31). Raises AccountClosed for whoever has left for good (R35).

    The person is locked after the organization, as when an account is closed: neither can happen beside the other.
    """
    with transaction.atomic():
        if User.objects.select_for_update().get(pk=user.pk).closed_at is not None:
            raise AccountClosed
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


def change_role(*, membership: Membership, role: Role, actor: User | None, on: date) -> None:
    """Give a member another role; the one that he or she has already changes nothing (R31).

    Raises MemberGone, NotAdministrator, LastAdministrator.
    """
    with transaction.atomic():
        locked = lock_organization(membership.organization)
        require_administrator(locked, actor)
        current = _locked_member(locked, membership)
        if current.role == role:
            return
        _require_another_administrator(locked, current)
        before, current.role = current.role, role
        current.save(update_fields=["role"])
        withdraw_notices(locked)
        record(
            organization=locked,
            action=Action.MEMBER_ROLE_CHANGED,
            actor=actor,
            on=on,
            member=current.user_id,
            role=str(role),
            before=before,
        )


def remove_member(*, membership: Membership, actor: User | None, on: date) -> None:
    """End somebody's membership: the very next request finds no organization any more (R30, R31).

    Raises MemberGone, NotAdministrator, LastAdministrator.
    """
    with transaction.atomic():
        locked = lock_organization(membership.organization)
        require_administrator(locked, actor)
        _end_membership(locked, membership, Action.MEMBER_REMOVED, actor, on)


def leave_organization(*, membership: Membership, on: date) -> None:
    """End one's own membership (R35). Raises MemberGone, LastAdministrator."""
    with transaction.atomic():
        locked = lock_organization(membership.organization)
        _end_membership(locked, membership, Action.MEMBER_LEFT, membership.user, on)


def choose_notices(*, membership: Membership, wants_notices: bool) -> None:
    """Whether a member is mailed the notices that can be switched off (R12 can't)."""
    with transaction.atomic():
        locked = lock_organization(membership.organization)
        Membership.objects.filter(pk=membership.pk).update(wants_notices=wants_notices)
        withdraw_notices(locked)


def require_administrator(locked: Organization, actor: User | None) -> None:
    """Look again under the lock whether ``actor`` administers the organization: of two who remove each other one is late.

    The vendor's staff, and the system itself (None), need no membership. Raises NotAdministrator.
    """
    if actor is None or actor.is_staff:
        return
    if not locked.memberships.filter(user=actor, role=Role.ADMINISTRATOR).exists():
        raise NotAdministrator


def _locked_member(locked: Organization, membership: Membership) -> Membership:
    current = locked.memberships.filter(pk=membership.pk).first()
    if current is None:
        raise MemberGone
    return current


def _end_membership(locked: Organization, membership: Membership, action: Action, actor: User | None, on: date) -> None:
    current = _locked_member(locked, membership)
    # A closed organization needs nobody any more.
    if locked.closed_on is None:
        _require_another_administrator(locked, current)
    current.delete()
    forget_views(locked, membership.user)
    withdraw_notices(locked)
    withdraw_work_mail(locked, membership.user)
    record(organization=locked, action=action, actor=actor, on=on, member=membership.user_id)


def _require_another_administrator(locked: Organization, current: Membership) -> None:
    """R31: whoever is an administrator can't stop being one while nobody else is who can sign in."""
    if current.role != Role.ADMINISTRATOR:
        return
    others = locked.memberships.filter(role=Role.ADMINISTRATOR, user__is_active=True).exclude(pk=current.pk)
    if not others.exists():
        raise LastAdministrator
