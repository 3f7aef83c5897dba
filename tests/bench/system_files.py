"""How long a system file of 100,000 devices takes: read, checked, compared with the one before, stored. Prints a profile, too.

    MODE=test .venv/bin/python -m tests.bench.system_files

Works in an empty database of its own in a temporary folder. Times depend on the machine, so nothing is asserted; the aim is less
than 5 seconds for one file on two quiet cores.
"""

import cProfile
import os
import pstats
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
DEVICES = 100_000
TODAY = date(2027, 3, 1)


def main(folder: Path) -> None:
    """Measure and print."""
    os.environ |= {"MODE": "test", "VAR_DIR": str(folder), "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    import django

    django.setup()

    from django.core.management import call_command

    from hardware.reports import accept_report, preview_report
    from hardware.system_files import SystemFile, read_system_file
    from licensemgr.portal.simulating import SimulatedSystem
    from organizations.models import Organization
    from products.models import SystemSource
    from tests.factories import OrganizationFactory, camera_station

    call_command("migrate", verbosity=0)
    camera_station()
    organization: Organization = OrganizationFactory.create()
    system = SimulatedSystem("Large", "camera-station")
    now = datetime(2027, 3, 1, 12, tzinfo=UTC)
    devices = [(f"device-{number:06}", "Dome camera P3245", "core-device") for number in range(DEVICES)]
    first = system.system_file(at=now, devices=devices)
    second = system.system_file(
        at=now, devices=[*devices[1_000:], *((f"new-{n}", "M", "core-device") for n in range(1_000))]
    )

    def accept(file: SystemFile, document: bytes) -> None:
        accept_report(
            organization=organization,
            file=file,
            document=document,
            source=SystemSource.OFFLINE,
            actor=None,
            on=TODAY,
        )

    accept(read_system_file(first), first)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    profile = cProfile.Profile()
    print(f"{DEVICES} devices, {len(second) / 1024 / 1024:.1f} MiB")
    file = _timed("read and check", lambda: read_system_file(second))
    preview = _timed("compare and show", lambda: preview_report(organization, file))
    assert (len(preview.added or ()), len(preview.removed or ())) == (1_000, 1_000)
    _timed("accept and store", lambda: accept(file, second))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / 1024:.0f} MiB, of it since the first file {(peak - before) / 1024:.0f} MiB")
    third = system.system_file(at=now, devices=devices)
    profile.enable()
    file = read_system_file(third)
    preview_report(organization, file)
    accept(file, third)
    profile.disable()
    print("\nProfile of all three together (a profiled run takes longer):")
    pstats.Stats(profile).sort_stats("tottime").print_stats(12)


def _timed(what: str, act: Callable[[], T]) -> T:
    begun = time.perf_counter()
    done = act()
    print(f"{what}: {time.perf_counter() - begun:.2f} s")
    return done


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
