"""How far the import of a file of units is, and which of its rows were refused."""

from dataclasses import dataclass
from typing import Self

from hardware.models import UnitImport, UnitImportRefusal


@dataclass(frozen=True)
class ImportProgress:
    """How far an import is."""

    unit_import: UnitImport
    # Of the file's bytes; 100 only once it is finished.
    percent: int
    # Whether the file, uploaded, lies here, so that the worker goes on by itself.
    is_kept: bool

    @classmethod
    def of(cls, unit_import: UnitImport) -> Self:
        """The progress of an import as it was read."""
        return cls(unit_import, cls.percent_of(unit_import), unit_import.pieces.exists())

    @staticmethod
    def percent_of(unit_import: UnitImport) -> int:
        """The part of the file that was taken in."""
        if unit_import.finished_at is not None:
            return 100
        return min(99, unit_import.bytes_done * 100 // max(unit_import.size, 1))

    @property
    def is_finished(self) -> bool:
        """Whether the whole file was taken in."""
        return self.unit_import.finished_at is not None

    @property
    def rows(self) -> int:
        """The rows that were looked at."""
        return self.unit_import.added + self.unit_import.known + self.unit_import.refused


def refusals_after(unit_import: UnitImport, line: int, maximum: int) -> list[UnitImportRefusal]:
    """The next refused rows behind a line of the file."""
    return list(UnitImportRefusal.objects.filter(unit_import=unit_import, line__gt=line).order_by("line")[:maximum])
