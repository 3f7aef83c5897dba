"""What History tells of an organization: searched, filtered, a page at a time (R32)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from history.models import Action, Record

if TYPE_CHECKING:
    from organizations.models import Organization

RECORDS_PER_PAGE = 50
_EXPORT_CHUNK = 500
SYSTEM = "system"


@dataclass(frozen=True)
class HistoryFilter:
    """What is asked of History; what is empty narrows nothing. ``person`` is a user's id or ``system``."""

    search: str = ""
    action: str = ""
    person: str = ""
    product: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class HistoryPage:
    """Some records, the newest first, and the ``before`` with which the next page is asked for."""

    records: tuple[Record, ...]
    next_before: int | None


def filtered_records(organization: "Organization", wanted: HistoryFilter) -> "QuerySet[Record]":
    """The organization's records that the filter lets through, the newest first."""
    records = Record.objects.filter(organization=organization).select_related("actor", "product").order_by("-sequence")
    for word in wanted.search.lower().split():
        labels = [action.value for action in Action if word in str(action.label).lower()]
        records = records.filter(
            Q(search_text__icontains=word)
            | Q(action__in=labels)
            | Q(product__name__icontains=word)
            | Q(actor__email__icontains=word, actor__closed_at=None)
            | Q(actor__first_name__icontains=word)
            | Q(actor__last_name__icontains=word)
        )
    if wanted.action:
        records = records.filter(action=wanted.action)
    if wanted.person == SYSTEM:
        records = records.filter(actor=None)
    elif wanted.person:
        records = records.filter(actor_id=int(wanted.person))
    if wanted.product:
        records = records.filter(product__code=wanted.product)
    if wanted.since is not None:
        records = records.filter(happened_on__gte=wanted.since)
    if wanted.until is not None:
        records = records.filter(happened_on__lte=wanted.until)
    return records


def history_page(organization: "Organization", wanted: HistoryFilter, before: int | None = None) -> HistoryPage:
    """The newest records with a sequence below ``before``."""
    records = filtered_records(organization, wanted)
    if before is not None:
        records = records.filter(sequence__lt=before)
    found = list(records[: RECORDS_PER_PAGE + 1])
    shown = found[:RECORDS_PER_PAGE]
    return HistoryPage(tuple(shown), shown[-1].sequence if len(found) > RECORDS_PER_PAGE else None)


def all_records(organization: "Organization", wanted: HistoryFilter) -> Iterator[list[Record]]:
    """All records that the filter lets through, the newest first, in chunks that memory holds."""
    before: int | None = None
    while True:
        records = filtered_records(organization, wanted)
        chunk = list((records if before is None else records.filter(sequence__lt=before))[:_EXPORT_CHUNK])
        if chunk:
            yield chunk
        if len(chunk) < _EXPORT_CHUNK:
            return
        before = chunk[-1].sequence


def people_in_history(organization: "Organization") -> list[tuple[int, str]]:
    """Everyone who did something that is on the organization's History, by name."""
    acted = Record.objects.filter(organization=organization, actor__isnull=False).order_by()
    # Two queries, so that the one that goes through History can be asked of a replica.
    people = get_user_model().objects.filter(pk__in=list(acted.values_list("actor", flat=True).distinct()))
    return sorted(((person.pk, str(person)) for person in people), key=lambda found: found[1].lower())


def names_of(ids: set[int]) -> dict[int, str]:
    """The names of people by their ids."""
    return {person.pk: str(person) for person in get_user_model().objects.filter(pk__in=ids)}
