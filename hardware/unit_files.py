"""Files of units that were made: CSV with a header, read row by row from any place in the file, in bounded memory.

What is read as a row depends on the bytes from its beginning on and on nothing before. So a file can be read on from the
end of any row, by another process as well, and gives the same rows with the same line numbers.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from hardware.errors import UnitFileRefused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _

COLUMNS = ("serial", "model", "oak")
# No row that can be meant is longer. It also bounds how far a quotation mark that nobody closes can reach.
MAXIMUM_ROW_BYTES = 4096
_SKIPPED_AT_ONCE = 65536


@dataclass
class Batch:
    """Rows that follow each other in a file."""

    # Where it begins and where it ends, in bytes of the file, and the file's lines up to its end.
    start: int
    end: int
    lines_done: int
    # The line on which each row begins, counted from 1, and its serial number, model and owner authentication key.
    rows: list[tuple[int, str, str, str]] = field(default_factory=list)
    # Lines that can't be read, and why.
    refusals: list[tuple[int, str]] = field(default_factory=list)
    # Whether the file ends with it.
    is_last: bool = False


class _Unreadable(ValueError):
    """A row that can't be read; the message says why."""


class UnitFile:
    """A file of units, open for reading bytes from any place."""

    def __init__(self, stream: io.BufferedReader) -> None:
        """Reads the header. Raises UnitFileRefused where there is none."""
        self._stream = stream
        stream.seek(0)
        header = stream.readline(MAXIMUM_ROW_BYTES)
        try:
            names = [cell.strip().lower() for cell in next(csv.reader([header.removeprefix(codecs.BOM_UTF8).decode()]))]
        except (csv.Error, UnicodeDecodeError, StopIteration):
            names = []
        if sorted(names) != sorted(COLUMNS):
            raise UnitFileRefused(
                _(
                    "The first line of the file has to name the columns serial, model and oak, separated by commas. Nothing "
                    "was taken in. Save the file as CSV in UTF-8 with that line, and import it again."
                )
            )
        # Where in a row each of COLUMNS stands.
        self._places = [names.index(column) for column in COLUMNS]
        self._position = self._header_bytes = len(header)

    def batch(self, start: int, lines_before: int, maximum: int) -> Batch:
        """The next ``maximum`` rows, unreadable ones among them, from 0 or from where an earlier batch ended."""
        batch = Batch(start, start or self._header_bytes, lines_before if start else 1)
        if self._position != batch.end:
            self._stream.seek(batch.end)
        serial, model, oak = self._places
        while len(batch.rows) + len(batch.refusals) < maximum:
            raw = self._stream.readline(MAXIMUM_ROW_BYTES + 1)
            if not raw:
                break
            line = batch.lines_done + 1
            try:
                cells = self._cells(raw, batch)
                if not any(map(str.strip, cells)):  # lines without anything on them are no rows
                    continue
                if len(cells) == len(COLUMNS):
                    batch.rows.append((line, cells[serial], cells[model], cells[oak]))
                else:
                    raise _Unreadable(
                        _("The row has %(found)s columns instead of %(wanted)s.")
                        % {"found": grouped(len(cells)), "wanted": grouped(len(COLUMNS))}
                    )
            except _Unreadable as error:
                batch.refusals.append((line, str(error)))
        self._position = batch.end
        batch.is_last = not self._stream.peek(1)
        return batch

    def _cells(self, first: bytes, batch: Batch) -> list[str]:
        """The cells of the row that begins with this line; moves the batch's end behind it. Raises _Unreadable.

        A row that can't be read ends with its line, whatever was quoted in it.
        """
        batch.lines_done += 1
        after = batch.end + len(first)
        if len(first) > MAXIMUM_ROW_BYTES:
            batch.end = after + self._skip_to_line_end(first)
            raise _Unreadable(_("The row is longer than %(bytes)s bytes.") % {"bytes": grouped(MAXIMUM_ROW_BYTES)})
        batch.end = after
        try:
            if b'"' not in first:
                return first.decode().rstrip("\r\n").split(",")
            more: list[bytes] = []
            cells = next(csv.reader(self._lines(first, more), strict=True))
        except UnicodeDecodeError as error:
            self._stream.seek(after)
            raise _Unreadable(_("The row is not text in UTF-8.")) from error
        except csv.Error as error:
            self._stream.seek(after)
            raise _Unreadable(_("The row has a quotation mark that is not closed, or one too many.")) from error
        batch.lines_done += len(more)
        batch.end += sum(map(len, more))
        return cells

    def _lines(self, first: bytes, more: list[bytes]) -> Iterator[str]:
        """The line, and those after it as far as they are asked for: quoted text may hold line ends."""
        yield first.decode()
        room = MAXIMUM_ROW_BYTES - len(first)
        while (raw := self._stream.readline(room + 1)) and len(raw) <= room:
            more.append(raw)
            room -= len(raw)
            yield raw.decode()

    def _skip_to_line_end(self, raw: bytes) -> int:
        """Read on to the line's end; returns how many bytes that was."""
        skipped = 0
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(_SKIPPED_AT_ONCE)
            skipped += len(raw)
        return skipped
