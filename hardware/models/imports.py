"""Files of units that were made, taken in piece by piece."""

from django.conf import settings
from django.db import models

from licensemgr.core.worded import SentenceField


class UnitImport(models.Model):
    """A file of units that were made, taken in piece by piece: each piece with the place up to which it was read."""

    # SHA-256 of the file: the same one twice is recognized.
    digest = models.CharField(max_length=64, unique=True)
    file_name = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    # Read and written down, in one transaction with the units: bytes of the file, and its lines.
    bytes_done = models.PositiveBigIntegerField(default=0)
    lines_done = models.PositiveBigIntegerField(default=0)
    added = models.PositiveBigIntegerField(default=0)
    known = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-started_at", "-pk"]

    def __str__(self) -> str:
        return self.file_name


class UnitImportPiece(models.Model):
    """A piece of an uploaded file, encrypted, until it is taken in: any worker can go on with it."""

    unit_import = models.ForeignKey(UnitImport, models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit_import", "number"], name="unit_import_piece_once")]


class UnitImportMark(models.Model):
    """A unit of a file that is under way which stood in another one since: its ``last_import`` can name only that one."""

    unit_import = models.ForeignKey(UnitImport, models.CASCADE, related_name="+")
    made = models.ForeignKey("ManufacturedUnit", models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit_import", "made"], name="unit_import_mark_once")]


class UnitImportRefusal(models.Model):
    """A row of the file that was not taken in, and why."""

    unit_import = models.ForeignKey(UnitImport, models.PROTECT, related_name="refusals")
    line = models.PositiveBigIntegerField()
    reason = SentenceField()

    class Meta:
        ordering = ["unit_import", "line"]
        constraints = [models.UniqueConstraint(fields=["unit_import", "line"], name="unit_import_refusal_once")]
