"""An import whose process is killed, more than once, leaves what one that was left alone leaves.

20,000 rows; with PROOF=1 in the environment 1,000,000.
"""

import os
import signal
from pathlib import Path

import pytest
from django.db import connection

from hardware.models import ManufacturedUnit, UnitImport, UnitImportRefusal
from tests.hardware.test_import import outcome
from tests.hardware.unit_data import import_command, write_unit_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROWS, BATCH = (1_000_000, 5000) if os.environ.get("PROOF") == "1" else (20_000, 400)


def kill_at(percent: int, path: Path) -> int:
    """Start the command and kill it as soon as it says that it is so far; returns the bytes that it left written down."""
    with import_command(path, "--batch", str(BATCH), "--verbosity", "2") as command:
        assert command.stdout is not None
        for line in command.stdout:
            said = line.partition(" %")[0]
            if said.isdigit() and int(said) >= percent:
                break
        command.send_signal(signal.SIGKILL)
    assert command.returncode == -signal.SIGKILL
    return UnitImport.objects.get().bytes_done


def test_killed_at_a_third_and_at_two_thirds_the_result_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    write_unit_file(path, ROWS, with_faults=True)
    size = path.stat().st_size
    first = kill_at(30, path)
    second = kill_at(70, path)
    # It was killed on its way, and what was written down is what a whole number of batches wrote.
    assert 0.3 * size <= first < second < size
    stopped = UnitImport.objects.get()
    assert stopped.finished_at is None
    assert stopped.added == ManufacturedUnit.objects.count()
    assert stopped.refused == UnitImportRefusal.objects.count()
    with import_command(path, "--batch", str(BATCH)) as command:
        printed, _errors = command.communicate()
    assert command.returncode == 1
    assert "Going on after line" in printed
    after_kills = outcome()

    with connection.cursor() as cursor:
        for model in (UnitImportRefusal, ManufacturedUnit, UnitImport):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
    with import_command(path) as command:
        printed, _errors = command.communicate()
    assert f"{ROWS:,} rows: {ROWS * 95 // 100:,} units added, 0 known before, {ROWS * 5 // 100:,} refused." in printed
    assert outcome() == after_kills
