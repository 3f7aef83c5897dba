"""What lists have in common: their columns, declared once for the page and for files; their files; what of a URL is theirs.

A list is declared by its app: a `ListKind` says its name and its part of the URL, a function makes the columns, and a
`Listing` is the list as somebody asks for it, with all its rows. Where people keep what they chose: organizations/lists.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Any, Generic, TypeVar
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise

from licensemgr.core.errors import Refused
from licensemgr.core.spreadsheets import BYTE_ORDER_MARK, Cell, csv_lines, write_sheet

Row = TypeVar("Row")
Progress = Callable[[int, int], None]
# How often whoever waits for a file hears of it, in rows.
_TOLD_EVERY = 500
# No filter has a longer value that means something.
_LONGEST_VALUE = 200


class FilterUnreadable(Refused):
    """A part of the filter can't be read, so a file of what is filtered can't be made."""

    code = "filter unreadable"


@dataclass(frozen=True)
class Field(Generic[Row]):
    """A column of a file: what stands above it, and the cell of a row."""

    label: str | Promise
    value: Callable[[Row], Cell]


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a list. What the page says in one cell may be several fields of a file."""

    name: str
    label: str | Promise
    fields: tuple[Field[Row], ...]
    is_number: bool = False
    is_sortable: bool = False
    # Shown to whoever chose nothing.
    is_usual: bool = True


def column(
    name: str, label: str | Promise, value: Callable[[Row], Cell], *more: Field[Row], **kind: bool
) -> Column[Row]:
    """A column whose first field is called as the column is; ``kind`` are the flags of `Column`."""
    return Column(name, label, (Field(label, value), *more), **kind)


@dataclass(frozen=True)
class ListKind:
    """A list: its name in URLs and files, what it is called, which parameters of a URL are its own and what each is unless said."""

    name: str
    title: str | Promise
    parameters: Mapping[str, str] = field(default_factory=dict)
    # Whether searching and filtering it is worth a name.
    has_views: bool = True
    # Where on its page it stands; empty where it is the page.
    anchor: str = ""

    def own_part(self, query: QueryDict) -> dict[str, str]:
        """What the query says to this list and differs from what goes without saying, in one order; never the page in it."""
        said = {name: query.get(name, usual)[:_LONGEST_VALUE] for name, usual in self.parameters.items()}
        return {name: value for name, value in said.items() if value != self.parameters[name]}

    def query_of(self, query: QueryDict) -> str:
        """That part as a query string: two queries that ask the same have the same."""
        return urlencode(self.own_part(query))


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """A list as somebody asks for it: all rows that its filters let through, in the order that is asked for."""

    kind: ListKind
    columns: tuple[Column[Row], ...]
    rows: Callable[[], Iterator[Row]]
    # About how many rows there are: for telling how far a file is, and for deciding who makes it.
    count: Callable[[], int]


@dataclass(frozen=True)
class Head:
    """What stands above a column of a page. ``link`` is the sort that a click asks for; empty where there is none."""

    name: str
    label: str | Promise
    is_number: bool
    aria: str
    link: str


def heads(columns: Sequence[Column[Any]], sort: str = "") -> list[Head]:
    """The row above a list that is sorted by ``sort``; one that begins with a hyphen is descending."""
    return [
        Head(
            each.name,
            each.label,
            each.is_number,
            {each.name: "ascending", f"-{each.name}": "descending"}.get(sort, "") if each.is_sortable else "",
            ("-" if sort == each.name else "") + each.name if each.is_sortable else "",
        )
        for each in columns
    ]


def sort_of(asked: str, sorts: Collection[str], usual: str) -> str:
    """The sort that is asked for, if there is such a one."""
    return asked if asked.removeprefix("-") in sorts else usual


@dataclass(frozen=True)
class KeyedPage(Generic[Row]):
    """A page of a list whose rows are few enough for memory, found by the row that it follows or precedes."""

    rows: Sequence[Row]
    total: int
    # The number of its first row in the whole list, from 1.
    first_number: int
    # The rows at which its neighbours begin; empty where there is none.
    previous_before: str
    next_after: str


def keyed_page(rows: Sequence[Row], cursor: Callable[[Row], str], query: QueryDict, size: int) -> KeyedPage[Row]:
    """The page that the query asks for; the first one where the row that it names is not in the list (any more)."""
    before, after = query.get("before", ""), query.get("after", "")
    named = before or after
    place = next((number for number, row in enumerate(rows) if cursor(row) == named), None) if named else None
    start = 0 if place is None else max(place - size, 0) if before else place + 1
    shown = rows[start : start + size]
    return KeyedPage(
        shown,
        len(rows),
        start + 1,
        cursor(shown[0]) if shown and start else "",
        cursor(shown[-1]) if shown and start + size < len(rows) else "",
    )


def csv_file(listing: Listing[Any], columns: Sequence[Column[Any]]) -> Iterator[str]:
    """All rows as a CSV file with a byte order mark, line by line."""
    yield BYTE_ORDER_MARK
    yield from csv_lines(_with_head(listing, columns))


def _with_head(listing: Listing[Any], columns: Sequence[Column[Any]]) -> Iterator[Sequence[Cell]]:
    yield file_head(columns)
    yield from file_rows(listing, columns)


def file_head(columns: Sequence[Column[Any]]) -> list[str]:
    """What stands above the fields of these columns."""
    return [str(each.label) for one in columns for each in one.fields]


def file_rows(listing: Listing[Any], columns: Sequence[Column[Any]]) -> Iterator[list[Cell]]:
    """The cells of all rows, of these columns."""
    fields = [each for one in columns for each in one.fields]
    for row in listing.rows():
        yield [each.value(row) for each in fields]


def xlsx_file(listing: Listing[Any], columns: Sequence[Column[Any]], file: IO[bytes], progress: Progress) -> None:
    """Write all rows as an XLSX file; ``progress`` is told how many are done of how many, at last that all are."""
    total = listing.count()

    def told() -> Iterator[list[Cell]]:
        done = 0
        for done, row in enumerate(file_rows(listing, columns), start=1):
            if done % _TOLD_EVERY == 0:
                progress(done, max(total, done))
            yield row
        progress(done, done)

    write_sheet(file, str(listing.kind.title), file_head(columns), told())


def file_name(kind: ListKind, subject: str, organization: str, on: date, ending: str) -> str:
    """What the file is called: the list, what it is a list of, the organization, the date."""
    parts = [kind.name, *subject.split("/"), organization, on.isoformat()]
    return f"{'-'.join(part for part in parts if part)}.{ending}"
