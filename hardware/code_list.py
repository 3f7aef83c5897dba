"""Registration codes as a list: searched, filtered, sorted, a page at a time; its columns, for the page and for files.

Of a code itself the list knows the last symbols only, as everybody else does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from hardware.contact import zone_of
from hardware.listing import Key, Segment
from hardware.models import RegistrationCode
from hardware.registration_codes import CodeState, in_state, state_of_code
from licensemgr.core import clock
from licensemgr.core.lists import Column, Field, Listing, ListKind, column, sort_of
from organizations.models import Organization

CODES = ListKind("registration-codes", _("Registration codes"), {"search": "", "state": "", "sort": "-made"})
CODES_PER_PAGE = 50
SEARCH_LENGTH = 120
# What the list can be sorted by, as the URL names it.
_SORTS: Mapping[str, str] = {"name": "label", "joined": "used", "expires": "expires_at", "made": "made_at"}


@dataclass(frozen=True)
class CodeRow:
    """A code in a file, its instants by the organization's clocks."""

    code: RegistrationCode
    zone: ZoneInfo

    def local(self, instant: datetime | None) -> datetime | None:
        """The instant by these clocks."""
        return instant.astimezone(self.zone) if instant else None


CODE_COLUMNS: tuple[Column[CodeRow], ...] = (
    column(
        "name",
        _("Name"),
        lambda row: row.code.label,
        Field(_("Last symbols"), lambda row: row.code.tail),
        is_sortable=True,
    ),
    column(
        "state",
        _("State"),
        lambda row: str(state_of_code(row.code).label),
        Field(_("Revoked at"), lambda row: row.local(row.code.revoked_at)),
        Field(_("Revoked by"), lambda row: str(row.code.revoked_by or "")),
    ),
    column(
        "joined",
        _("Systems that joined"),
        lambda row: row.code.used,
        Field(_("Systems that can join"), lambda row: row.code.uses),
        is_number=True,
        is_sortable=True,
    ),
    column("expires", _("Expires"), lambda row: row.local(row.code.expires_at), is_sortable=True),
    column(
        "made",
        _("Made"),
        lambda row: row.local(row.code.made_at),
        Field(_("Made by"), lambda row: str(row.code.made_by)),
        is_sortable=True,
    ),
)


@dataclass(frozen=True)
class CodeQuestion:
    """What is asked of the codes: search, state, order, and the code after or before which the page begins."""

    search: str = ""
    state: str = ""
    sort: str = "-made"
    after: str = ""
    before: str = ""


@dataclass(frozen=True)
class CodePage:
    """One page of the codes, how many there are on all pages, and the codes at which its neighbours begin; empty for none."""

    codes: tuple[RegistrationCode, ...]
    total: int
    previous_before: str
    next_after: str


def read_codes(query: QueryDict) -> CodeQuestion:
    """What a query asks of the codes; what can't be read narrows nothing."""
    state = query.get("state", "")
    return CodeQuestion(
        query.get("search", "").strip()[:SEARCH_LENGTH],
        state if state in CodeState.values else "",
        sort_of(query.get("sort", ""), _SORTS, "-made"),
        query.get("after", ""),
        query.get("before", ""),
    )


def _sorted(organization: Organization, asked: CodeQuestion) -> "QuerySet[RegistrationCode]":
    codes = RegistrationCode.objects.filter(organization=organization).select_related("made_by", "revoked_by")
    return codes.annotate(sort_value=F(_SORTS[asked.sort.removeprefix("-")]))


def find_codes(organization: Organization, asked: CodeQuestion) -> Segment:
    """The codes that are asked for: each word is in the name or in the last symbols."""
    codes = _sorted(organization, asked)
    for word in asked.search.split():
        codes = codes.filter(Q(label__icontains=word) | Q(tail__icontains=word.removeprefix("…")))
    if asked.state:
        codes = codes.filter(in_state(CodeState(asked.state), clock.real_now()))
    return Segment(codes, asked.sort.startswith("-"))


def codes_page(organization: Organization, asked: CodeQuestion) -> CodePage:
    """The page that is asked for, found by the code that it follows or precedes."""
    segment, limit = find_codes(organization, asked), CODES_PER_PAGE + 1
    key = _find(organization, asked, asked.before or asked.after)
    found = segment.take(limit, key, backward=True) if key and asked.before else []
    if len(found) == limit:
        chosen, has_previous, has_next = found[:CODES_PER_PAGE][::-1], True, True
    else:
        # Fewer than a page before it: that is the first page.
        key = None if asked.before else key
        found = segment.take(limit, key, backward=False)
        chosen, has_previous, has_next = found[:CODES_PER_PAGE], key is not None, len(found) == limit
    return CodePage(
        codes=tuple(chosen),
        total=segment.rows.count(),
        previous_before=str(chosen[0].pk) if chosen and has_previous else "",
        next_after=str(chosen[-1].pk) if chosen and has_next else "",
    )


def _find(organization: Organization, asked: CodeQuestion, cursor: str) -> Key | None:
    """Where a code stands in the order; None for one that the organization does not have."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        return None
    # One that the filter lets through no more, since it was revoked meanwhile, still has its place.
    found = _sorted(organization, asked).filter(pk=int(cursor)).first()
    return (vars(found)["sort_value"], found.pk) if found else None


def codes_listing(organization: Organization, asked: CodeQuestion) -> Listing[CodeRow]:
    """The codes as they are asked for."""

    def rows() -> Iterator[CodeRow]:
        zone = zone_of(organization)
        return (CodeRow(code, zone) for chunk in find_codes(organization, asked).all() for code in chunk)

    return Listing(CODES, CODE_COLUMNS, rows, lambda: find_codes(organization, asked).rows.count())
