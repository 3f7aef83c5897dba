"""Lists as files: what is filtered, with the columns that the person chose, in the order shown, all rows.

A spreadsheet of many rows is ordered (`order_export`) and made by the worker (`write_xlsx`); the direct answer opens the same list
and writes it by the same `licensemgr.core.lists.xlsx_file`.
"""

from collections.abc import Sequence
from datetime import date
from typing import IO, Any

from django.http import QueryDict

from licensemgr.core.lists import Column, Listing, Progress, xlsx_file
from licensemgr.portal.lists import Asked, entry_or_404
from organizations.lists import chosen_columns
from organizations.models import Organization, User
from organizations.work import order_work

# A spreadsheet of more rows than these is made by the worker.
MOST_AT_ONCE = 20_000
# By this name the worker knows the work.
EXPORT_LIST = "list_xlsx"
# The parameter that fixes the columns: those that were chosen when the file was ordered.
COLUMNS = "columns"


def open_list(organization: Organization, list_name: str, query: QueryDict, on: date) -> Listing[Any]:
    """The list as the query asks for it. Raises Http404, FilterUnreadable."""
    return entry_or_404(list_name).open(Asked(organization, query, on))


def columns_of(listing: Listing[Any], user: User, query: QueryDict) -> Sequence[Column[Any]]:
    """The columns that the file has: those that the query fixes, else those that the person chose."""
    fixed = query.get(COLUMNS, "").split(",") if COLUMNS in query else None
    if fixed is None:
        return chosen_columns(user, listing.kind, listing.columns)
    return [listing.columns[0], *(each for each in listing.columns[1:] if each.name in fixed)]


def write_xlsx(
    organization: Organization,
    user: User,
    list_name: str,
    query: str,
    on: date,
    write: IO[bytes],
    progress: Progress,
) -> None:
    """Write the list as that person sees it; ``progress`` is told rows done and rows in all.

    Whether the person may look is the caller's business. Raises Http404, FilterUnreadable.
    """
    asked = QueryDict(query)
    listing = open_list(organization, list_name, asked, on)
    xlsx_file(listing, columns_of(listing, user, asked), write, progress)


def order_export(
    *, organization: Organization, person: User, listing: Listing[Any], subject_query: QueryDict, on: date
) -> None:
    """Let the worker make the spreadsheet. The columns are those that the person sees now, whatever is chosen later.

    How far it is, and the file, are on the pages of work.
    """
    query = subject_query.copy()
    query[COLUMNS] = ",".join(each.name for each in columns_of(listing, person, subject_query))
    arguments = {"list": listing.kind.name, "query": query.urlencode()}
    order_work(organization=organization, person=person, kind=EXPORT_LIST, arguments=arguments, on=on)
