"""The members as a list: searched, filtered, sorted; its columns, for the page and for files, and all its rows (R31)."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from licensemgr.core.lists import Column, Field, Listing, ListKind, column, sort_of
from organizations.models import Membership, Organization, Role
from organizations.queries import members_of

MEMBERS = ListKind("members", gettext_lazy("Members"), {"search": "", "role": "", "sort": "name"})
_BY_NAME = ("user__first_name", "user__last_name", "user__email", "pk")
# What the list can be sorted by, as the URL names it.
_SORTS: Mapping[str, tuple[str, ...]] = {
    "name": _BY_NAME,
    "role": ("role", *_BY_NAME),
    "since": ("since", *_BY_NAME),
}


def says_notices(member: Membership) -> str:
    """Whether the member is mailed the notices."""
    return _("By mail") if member.can_get_notices and member.wants_notices else _("None")


MEMBER_COLUMNS: tuple[Column[Membership], ...] = (
    column(
        "name",
        gettext_lazy("Name"),
        lambda member: str(member.user),
        Field(gettext_lazy("E-mail address"), lambda member: member.user.email),
        is_sortable=True,
    ),
    column("role", gettext_lazy("Role"), lambda member: str(member.get_role_display()), is_sortable=True),
    column("since", gettext_lazy("Member since"), lambda member: member.since, is_sortable=True),
    column("notices", gettext_lazy("Notices"), says_notices),
)


@dataclass(frozen=True)
class MemberQuestion:
    """What is asked of the members."""

    search: str = ""
    role: str = ""
    sort: str = "name"


def read_members(query: QueryDict) -> MemberQuestion:
    """What a query asks of the members; what can't be read narrows nothing."""
    role = query.get("role", "")
    return MemberQuestion(
        query.get("search", "").strip()[:100],
        role if role in Role.values else "",
        sort_of(query.get("sort", ""), _SORTS, "name"),
    )


def find_members(organization: Organization, asked: MemberQuestion) -> "QuerySet[Membership]":
    """The members who are asked for: each word is in a name or in the address."""
    members = members_of(organization)
    for word in asked.search.split():
        members = members.filter(
            Q(user__first_name__icontains=word) | Q(user__last_name__icontains=word) | Q(user__email__icontains=word)
        )
    if asked.role:
        members = members.filter(role=asked.role)
    names = _SORTS[asked.sort.removeprefix("-")]
    return members.order_by(*(f"-{name}" for name in names) if asked.sort.startswith("-") else names)


def members_listing(organization: Organization, asked: MemberQuestion) -> Listing[Membership]:
    """The members as they are asked for."""
    members = find_members(organization, asked)
    return Listing(MEMBERS, MEMBER_COLUMNS, lambda: members.iterator(chunk_size=500), members.count)
