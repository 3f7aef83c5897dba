"""Imports at the same moment, with real threads: first without the locks, to see that it happens, then with them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from hardware import importing
from hardware.models import ManufacturedUnit, UnitImport, UnitImportMark, UnitImportRefusal
from hardware.unit_files import UnitFile
from tests.concurrency.racing import Gate, at_once, take_the_locks_out
from tests.hardware.unit_data import write_unit_file

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 400


def importer(path: Path, rows: int) -> Callable[[], UnitImport]:
    """Takes in a file in batches of so many rows; goes on where another one took the next batch, as the command does."""
    content = path.read_bytes()
    begun = importing.begin_import(
        digest=hashlib.sha256(content).hexdigest(), size=len(content), file_name=path.name, actor=None
    )

    def run() -> UnitImport:
        with path.open("rb") as stream:
            file = UnitFile(stream)
            while True:
                try:
                    return importing.take_in(UnitImport.objects.get(pk=begun.pk), file, rows=rows)
                except importing.TakenInElsewhere:
                    continue

    return run


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Two files of the same units, the second from the end to the beginning."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    write_unit_file(first, ROWS)
    header, *rows = first.read_bytes().splitlines(keepends=True)
    second.write_bytes(header + b"".join(reversed(rows)))
    return [first, second]


def test_without_the_locks_two_files_bring_the_same_unit(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    take_the_locks_out(monkeypatch)
    imports = [importer(path, ROWS) for path in paths]
    compared = Gate(monkeypatch, importing, "_write", waits_for=2)
    results = at_once(imports)
    assert compared.passed == 2
    # The constraint, or SQLite's lock of writers, stops the second; nothing of it stays.
    [stopped] = [result for result in results if isinstance(result, Exception)]
    assert isinstance(stopped, (IntegrityError, OperationalError))
    assert ManufacturedUnit.objects.count() == ROWS
    assert sorted(UnitImport.objects.values_list("bytes_done", flat=True))[0] == 0


def test_two_files_of_the_same_units_take_turns(paths: list[Path]) -> None:
    results = at_once([importer(path, 37) for path in paths])
    assert all(isinstance(result, UnitImport) for result in results), results
    assert ManufacturedUnit.objects.count() == ROWS
    added, known, refused = zip(*UnitImport.objects.values_list("added", "known", "refused"), strict=True)
    assert (sum(added), sum(known), sum(refused)) == (ROWS, ROWS, 0)


def test_four_at_one_file_take_each_row_in_once(tmp_path: Path) -> None:
    path = tmp_path / "faults.csv"
    write_unit_file(path, ROWS, with_faults=True)
    results: list[Any] = at_once([importer(path, 37)] * 4)
    assert all(isinstance(result, UnitImport) for result in results), results
    [done] = UnitImport.objects.all()
    assert (done.added, done.known, done.refused) == (ROWS * 95 // 100, 0, ROWS * 5 // 100)
    assert ManufacturedUnit.objects.count() == done.added
    assert UnitImportRefusal.objects.count() == done.refused


def test_rows_that_repeat_one_of_their_own_file_are_refused_whatever_other_files_name(tmp_path: Path) -> None:
    """Each file names each unit twice: its first row counts, also where the other file named the unit in between."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    write_unit_file(first, ROWS)
    header, *rows = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(header + b"".join(rows * 2))
    second.write_bytes(header + b"".join([*reversed(rows)] * 2))
    results = at_once([importer(path, 37) for path in (first, second)])
    assert all(isinstance(result, UnitImport) for result in results), results
    added, known, refused = zip(*UnitImport.objects.values_list("added", "known", "refused"), strict=True)
    assert (sum(added), sum(known), refused) == (ROWS, ROWS, (ROWS, ROWS))
    assert not UnitImportMark.objects.exists()


def test_a_row_is_repeated_also_where_others_took_its_unit_in_meanwhile(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.csv" for name in ("first", "second", "third")]
    write_unit_file(paths[0], 20)
    header, *rows = paths[0].read_bytes().splitlines(keepends=True)
    for number, path in enumerate(paths):
        path.write_bytes(header + b"".join(rows * 3) + b"\n" * number)
    files = [(path.read_bytes(), path) for path in paths]
    begun = [
        importing.begin_import(
            digest=hashlib.sha256(content).hexdigest(), size=len(content), file_name=path.name, actor=None
        )
        for content, path in files
    ]
    for _turn in range(4):
        for number, path in enumerate(paths):
            if begun[number].finished_at is None:
                with path.open("rb") as stream:
                    begun[number] = importing.take_in_batch(begun[number], UnitFile(stream), rows=20)
    assert all(each.finished_at for each in begun)
    assert [(each.added, each.known, each.refused) for each in begun] == [(20, 0, 40), (0, 20, 40), (0, 20, 40)]
    assert not UnitImportMark.objects.exists()
