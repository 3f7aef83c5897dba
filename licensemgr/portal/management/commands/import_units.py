"""manage.py import_units FILE: takes in a file of units that were made."""

import hashlib
import io
import os
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hardware.errors import UnitFileRefused
from hardware.importing import BATCH_ROWS, TakenInElsewhere, begin_import, take_in
from hardware.models import UnitImport, UnitImportRefusal
from hardware.unit_files import UnitFile
from licensemgr.core.spreadsheets import csv_lines
from licensemgr.portal import arguments

# Refused rows that are printed; a file gets them all.
_PRINTED = 50
_TELL_EVERY_SECONDS = 5.0
_HELP = """\
Takes in a file of hardware units that were made.

FILE is CSV in UTF-8 (with or without a byte order mark, lines ending in LF or CRLF, quoted or not) whose first line names the
columns serial, model and oak in any order. model is the code of a hardware model of the catalogue, oak the owner
authentication key, of which only a keyed hash and an encrypted proof key are kept. FILE is only read.

A row that can't be taken in is refused with its line and the reason; the others are taken in. A row that is known with the
same model and owner authentication key changes nothing. However the command ends, the same command goes on where it stopped;
a file that was taken in before, whatever its name, is recognized and changes nothing.

Exit status: 0 when every row of the file is in, 1 when rows were refused, 2 when the file could not be taken in, 130 when
it was interrupted.
"""


class Command(BaseCommand):
    help = _HELP

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=arguments.path, metavar="FILE", help="the file to take in")
        parser.add_argument(
            "--refusals",
            type=arguments.path,
            metavar="CSV",
            help="write all refused rows to this file, which must not exist yet",
        )
        parser.add_argument(
            "--batch", type=int, default=BATCH_ROWS, metavar="ROWS", help=f"rows of one transaction ({BATCH_ROWS})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["batch"] <= 20_000:
            raise CommandError("--batch has to be from 1 to 20000. Nothing was taken in.", returncode=2)
        if options["refusals"] and os.path.lexists(options["refusals"]):
            raise CommandError(
                f"{options['refusals']} exists already. Nothing was taken in; choose another name.", returncode=2
            )
        path: Path = options["file"]
        try:
            with path.open("rb") as stream:
                done = self._import(path, stream, options["batch"], is_talkative=options["verbosity"] > 1)
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.", returncode=2) from error
        except UnitFileRefused as refused:
            raise CommandError(refused.sentence, returncode=2) from refused
        except KeyboardInterrupt:
            self.stdout.write("Interrupted. What was taken in stays; the same command goes on from there.")
            sys.exit(130)
        self._tell_refusals(done, options["refusals"])

    def _import(self, path: Path, stream: io.BufferedReader, rows: int, *, is_talkative: bool) -> UnitImport:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = stream.tell()
        file = UnitFile(stream)
        unit_import = begin_import(digest=digest, size=size, file_name=path.name, actor=None)
        if unit_import.finished_at is not None:
            self.stdout.write(
                f"This file was taken in before, as {unit_import.file_name}, finished on "
                f"{unit_import.finished_at:%Y-%m-%d %H:%M} UTC. Nothing was changed. Then:"
            )
            self._tell_figures(unit_import)
            return unit_import
        if unit_import.bytes_done:
            self.stdout.write(f"Going on after line {unit_import.lines_done:,}.")
        progress = _Progress(self, unit_import, 0.0 if is_talkative else _TELL_EVERY_SECONDS)
        while True:
            with suppress(TakenInElsewhere):
                done = take_in(unit_import, file, rows=rows, tell=progress)
                break
            # The worker is at the same file, which was uploaded, too: each takes in what the other has not.
            unit_import = UnitImport.objects.get(pk=unit_import.pk)
        self._tell_figures(done)
        self.stdout.write(f"Took {progress.seconds:.1f} s, {progress.speed(done):,} lines/s.")
        return done

    def _tell_figures(self, done: UnitImport) -> None:
        rows = done.added + done.known + done.refused
        self.stdout.write(
            f"{rows:,} rows: {done.added:,} units added, {done.known:,} known before, {done.refused:,} refused."
        )

    def _tell_refusals(self, done: UnitImport, target: Path | None) -> None:
        """Print the first refused rows and write them all; ends the command with status 1 where there are any."""
        refusals = UnitImportRefusal.objects.filter(unit_import=done).order_by("line").values_list("line", "reason")
        for line, reason in refusals[:_PRINTED]:
            self.stdout.write(f"  line {line}: {reason}")
        if done.refused > _PRINTED:
            self.stdout.write(f"  … and {done.refused - _PRINTED:,} more")
        if target is not None:
            try:
                with target.open("x", encoding="utf-8", newline="") as file:
                    file.writelines(csv_lines([("line", "reason")]))
                    file.writelines(csv_lines((str(line), reason) for line, reason in refusals.iterator()))
            except OSError as error:
                raise CommandError(
                    f"The file was taken in, but {target} can't be written: {error.strerror}.", returncode=2
                ) from error
        if done.refused:
            self.stdout.write("To try refused rows again, put them right in a file of their own.")
            sys.exit(1)


class _Progress:
    """Tells how far an import is, at most once in so many seconds."""

    def __init__(self, command: BaseCommand, unit_import: UnitImport, every_seconds: float) -> None:
        self._command = command
        self._every = every_seconds
        self._began = self._told = time.monotonic()
        self._lines_before = unit_import.lines_done

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def speed(self, unit_import: UnitImport) -> int:
        """Lines of the file per second, since this command began."""
        return round((unit_import.lines_done - self._lines_before) / max(self.seconds, 0.001))

    def __call__(self, unit_import: UnitImport) -> None:
        now = time.monotonic()
        if now - self._told < self._every:
            return
        self._told = now
        self._command.stdout.write(
            f"{unit_import.bytes_done * 100 // unit_import.size} %, {unit_import.lines_done:,} lines, "
            f"{unit_import.refused:,} refused, {self.speed(unit_import):,} lines/s"
        )
        self._command.stdout.flush()
