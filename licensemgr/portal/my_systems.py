"""My Systems: the organizations of a person as a list, searched, filtered, sorted; its columns for page and files (R30)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from hardware.contact import is_silent
from licensemgr.core.folding import fold
from licensemgr.core.lists import Column, ListKind, column, sort_of
from organizations.access import in_all_organizations
from organizations.models import Membership, Organization, Role, User
from products.models import RegisteredProduct, System

MY_SYSTEMS = ListKind("my-systems", gettext_lazy("My Systems"), {"search": "", "role": "", "sort": "name"})
_LONGEST_SEARCH = 100


@dataclass(frozen=True)
class MySystem:
    """An organization on the start page."""

    organization: Organization
    role: str
    products: int
    systems: int
    # How many of them are online and silent.
    silent: int

    @property
    def role_label(self) -> str:
        """What the person is there."""
        return str(Role(self.role).label)

    @property
    def cursor(self) -> str:
        """By what the row is known in a page's address."""
        return self.organization.slug


MY_SYSTEM_COLUMNS: tuple[Column[MySystem], ...] = (
    column("name", gettext_lazy("Organization"), lambda row: row.organization.name, is_sortable=True),
    column("role", gettext_lazy("Role"), lambda row: row.role_label, is_sortable=True),
    column("products", gettext_lazy("Products"), lambda row: row.products, is_number=True, is_sortable=True),
    column("systems", gettext_lazy("Systems"), lambda row: row.systems, is_number=True, is_sortable=True),
    column("silent", gettext_lazy("Silent systems"), lambda row: row.silent, is_number=True, is_sortable=True),
)
# What comes first by role: where the person may do most.
_ROLES = (Role.ADMINISTRATOR, Role.MANAGER, Role.VIEWER)
# What the list can be sorted by, as the URL names it; rows that are alike in it by name, then by slug.
_SORTS: Mapping[str, Callable[[MySystem], int]] = {
    "name": lambda row: 0,
    "role": lambda row: _ROLES.index(Role(row.role)),
    "products": lambda row: row.products,
    "systems": lambda row: row.systems,
    "silent": lambda row: row.silent,
}


@dataclass(frozen=True)
class SystemsQuestion:
    """What is asked of My Systems."""

    search: str = ""
    role: str = ""
    sort: str = "name"

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.role)


def read_my_systems(query: QueryDict) -> SystemsQuestion:
    """What a query asks of My Systems; what can't be read narrows nothing."""
    role = query.get("role", "")
    return SystemsQuestion(
        query.get("search", "").strip()[:_LONGEST_SEARCH],
        role if role in Role.values else "",
        sort_of(query.get("sort", ""), _SORTS, "name"),
    )


def choose_systems(rows: Iterable[MySystem], asked: SystemsQuestion) -> list[MySystem]:
    """The rows that are asked for, in their order: each word is in the name, whatever its accents and capitals."""
    words = fold(asked.search).split()
    chosen = [
        row
        for row in rows
        if (not asked.role or row.role == asked.role) and all(word in fold(row.organization.name) for word in words)
    ]
    first = _SORTS[asked.sort.removeprefix("-")]
    return sorted(
        chosen,
        key=lambda row: (first(row), fold(row.organization.name), row.organization.slug),
        reverse=asked.sort.startswith("-"),
    )


def my_systems_of(user: User) -> list[MySystem]:
    """The person's organizations with how much is in them (R30), in a number of queries that does not grow with them."""
    with in_all_organizations(user):
        memberships = (
            Membership.objects.filter(user=user, organization__closed_on=None)
            .select_related("organization")
            .annotate(
                products=_how_many(RegisteredProduct.objects.filter(hidden_on=None)),
                systems=_how_many(System.objects.filter(removed_on=None)),
                silent=_how_many(System.objects.filter(is_silent())),
            )
        )
        return [
            MySystem(each.organization, each.role, each.products, each.systems, each.silent) for each in memberships
        ]


def _how_many(rows: "QuerySet[Any]") -> Coalesce:
    """How many of the rows the organization of a membership has; counted apart, since a join would multiply them."""
    mine = rows.filter(organization=OuterRef("organization")).order_by().values("organization")
    return Coalesce(Subquery(mine.annotate(total=Count("pk")).values("total")), Value(0))
