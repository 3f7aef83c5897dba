"""How long the import of a million units takes, and how much memory: python -m tests.bench.import_units [ROWS].

On a new database beside the one that DATABASE_URL names, SQLite in a temporary folder without it.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("MODE", "test")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")


def measure(rows: int, folder: Path) -> None:
    """Import a file of so many units into an empty database, and once more a file of the same units; print figures."""
    from tests.hardware.unit_data import import_command, write_unit_file

    path = folder / "units.csv"
    write_unit_file(path, rows)
    same_units = folder / "same-units.csv"
    # Not read as a whole: what this process holds counts as memory of those that it starts.
    shutil.copyfile(path, same_units)
    with same_units.open("ab") as file:
        file.write(b"\r\n")
    for what, units in (("new units", path), ("known units", same_units)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        command = import_command(units)
        out, error = command.communicate()
        seconds = time.monotonic() - began
        if command.returncode:
            sys.exit(f"The import failed.\n{out}{error}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"import of {rows:,} {what} ({units.stat().st_size / 1e6:.0f} MB): {seconds:.1f} s "
            f"({processor:.1f} s of processor time), {rows / seconds:,.0f} rows/s, "
            f"at most {after.ru_maxrss / 1024:.0f} MB of memory"
        )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="license-manager-bench-") as folder:
        os.environ.setdefault("VAR_DIR", folder)
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/unused.sqlite3")
        import django

        django.setup()
        from django.db import connection

        connection.settings_dict["TEST"]["NAME"] = (
            f"{folder}/bench.sqlite3" if connection.vendor == "sqlite" else "license_manager_bench"
        )
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        print(f"database: {connection.vendor}")
        try:
            measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, Path(folder))
        finally:
            connection.creation.destroy_test_db("", verbosity=0)


if __name__ == "__main__":
    main()
