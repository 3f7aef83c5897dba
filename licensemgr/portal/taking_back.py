"""From which records of History one gets to undo what they tell: a redemption (R33), what was allocated to a year (R34)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils.translation import gettext as _

from history.models import Action, Record
from organizations.access import Permission, may
from organizations.models import Membership, Organization
from subscriptions.queries import standings
from subscriptions.releasing import releasable_year
from wallet.queries import undoable_transfers


@dataclass(frozen=True)
class WayBack:
    """The page on which what a record tells can be taken back."""

    url: str
    label: str


def ways_back(membership: Membership, records: Iterable[Record], on: date) -> dict[int, WayBack]:
    """By the records' sequence, for those that the member may take back on ``on``.

    The number of queries does not grow with the records.
    """
    records = list(records)
    ways: dict[int, WayBack] = {}
    if may(membership, Permission.ADMINISTER):
        ways |= _to_undo(membership.organization, records, on)
    if may(membership, Permission.MANAGE_LICENSES):
        ways |= _to_release(membership.organization, records, on)
    return ways


def _to_undo(organization: Organization, records: list[Record], on: date) -> dict[int, WayBack]:
    # A redemption that was written down before records named their transfer has no link.
    transfers = {
        record.sequence: (record.payload["transfer"], record.product.code)
        for record in records
        if record.action == Action.KEY_REDEEMED and record.product and isinstance(record.payload.get("transfer"), int)
    }
    if not transfers:
        return {}
    undoable = undoable_transfers(organization, [transfer for transfer, _code in transfers.values()], on)
    return {
        sequence: WayBack(reverse("undo_redemption", args=[organization.slug, code, transfer]), _("Undo redemption"))
        for sequence, (transfer, code) in transfers.items()
        if transfer in undoable
    }


def _to_release(organization: Organization, records: list[Record], on: date) -> dict[int, WayBack]:
    allocations = [record for record in records if record.action == Action.LICENSES_ALLOCATED and record.product]
    if not allocations:
        return {}
    products = {record.product_id for record in allocations}
    # Product → the first day of the year that can be released, and the link to its page.
    releasable: dict[int, tuple[str, WayBack]] = {}
    registered = organization.registered_products.filter(product__in=products).select_related("product")
    for standing in standings(organization, on, registered):
        found = releasable_year(standing)
        if found is not None:
            arguments = [organization.slug, standing.product.code, found.year.year.number]
            way = WayBack(reverse("release_year", args=arguments), _("Release this year"))
            releasable[standing.product.pk] = (found.year.year.first.isoformat(), way)
    released = _last_releases(organization, allocations)
    return {
        record.sequence: way
        for record in allocations
        if record.product_id in releasable
        for first_day, way in [releasable[record.product_id]]
        if first_day in _first_days(record.payload)
        and record.sequence > released.get((record.product_id, first_day), 0)
    }


def _last_releases(organization: Organization, allocations: list[Record]) -> Mapping[tuple[int | None, str], int]:
    """By product and first day of a year, the sequence of its last release after the oldest of the allocations."""
    return {
        (product_id, str(payload.get("first_day"))): sequence
        for product_id, payload, sequence in Record.objects.filter(
            organization=organization,
            action=Action.YEAR_RELEASED,
            sequence__gt=min(record.sequence for record in allocations),
        )
        .order_by("sequence")
        .values_list("product_id", "payload", "sequence")
    }


def _first_days(payload: Mapping[str, object]) -> list[object]:
    years = payload.get("years")
    return [year.get("first_day") for year in years if isinstance(year, Mapping)] if isinstance(years, list) else []
