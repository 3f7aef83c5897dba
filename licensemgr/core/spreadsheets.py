"""Files that a spreadsheet opens without running anything in them: CSV as text, XLSX with its numbers and dates as such."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import IO, Any, TypeAlias

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

# What a cell can hold. An instant is in the time zone in which it is told.
Cell: TypeAlias = str | int | date | datetime | None

# Told before the first line, so that spreadsheets read the letters right.
BYTE_ORDER_MARK = "\ufeff"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# XML can't hold these at all.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_UNTITLED = re.compile(r"[\[\]:*?/\\']")
_LONGEST_TITLE, _LONGEST_CELL = 31, 32_767
_WIDTH, _NARROW = 24, 14


class _Echo:
    """A file that gives back what is written to it, so that rows can be streamed."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The rows as lines of a CSV file, one at a time; every cell quoted and safe, dates as 2027-03-01."""
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL)
    for row in rows:
        yield writer.writerow([_as_text(cell) for cell in row])


def _as_text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    # A number is no formula, even with its sign.
    return str(cell) if isinstance(cell, int) else safe_cell(cell)


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula: an apostrophe before what could begin one."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def write_sheet(file: IO[bytes], title: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write an XLSX file of one sheet, row by row: memory does not grow with the rows.

    Numbers stay numbers, days and instants are what a spreadsheet can sort; an instant loses its time zone, of which XLSX
    knows nothing.
    """
    book = Workbook(write_only=True)
    # Its type does not tell of the widths that it has, too.
    sheet: Any = book.create_sheet(_UNTITLED.sub(" ", title)[:_LONGEST_TITLE].strip() or "1")
    sheet.freeze_panes = "A2"
    for number, name in enumerate(head, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTH if len(name) > _NARROW else _NARROW + 4
    bold = Font(bold=True)
    named = []
    for name in head:
        cell = WriteOnlyCell(sheet, _writable(name))
        cell.font = bold
        named.append(cell)
    sheet.append(named)
    for row in rows:
        sheet.append([_as_value(cell) for cell in row])
    book.save(file)


def _as_value(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None, microsecond=0)
    return _writable(cell) if isinstance(cell, str) else cell


def _writable(text: str) -> str:
    return safe_cell(_UNWRITABLE.sub("", text))[:_LONGEST_CELL]
