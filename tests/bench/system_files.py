"""How long a system file of 100,000 devices takes: read, checked, compared with the one before, stored. Prints a profile, too.
And how much memory a web server takes for a zip of such files, as large as one may be.

    MODE=test .venv/bin/python -m tests.bench.system_files

Works in an empty database of its own in a temporary folder. Times depend on the machine, so nothing is asserted; the aim is less
than 5 seconds for one file on two quiet cores, and less than 400 MiB for a zip.
"""

import cProfile
import os
import pstats
import random
import resource
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
DEVICES = 100_000
TODAY = date(2027, 3, 1)
# So many files of 100,000 devices are nearly 100 MiB.
FILES = 6


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
    _measure_zip(folder)


def _measure_zip(folder: Path) -> None:
    """What a web server takes in memory for a zip: uploaded, shown, confirmed."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    from organizations.models import Role
    from organizations.services import add_member
    from products.models import System
    from tests.bench.served import served
    from tests.factories import OrganizationFactory, UserFactory

    call_command("createcachetable", verbosity=0)
    organization, user = OrganizationFactory.create(), UserFactory.create()
    add_member(organization=organization, user=user, role=Role.MANAGER, actor=None, on=TODAY)
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    small, large = folder / "small.zip", folder / "large.zip"
    _write_zip(small, files=1, devices=1)
    unpacked = _write_zip(large, files=FILES, devices=DEVICES)
    upload = reverse("upload_system_file", args=[organization.slug])
    with served({name: morsel.value for name, morsel in client.cookies.items()}) as server:

        def send(what: str, path: str, content: bytes | None = None) -> str:
            server.forget_peak()
            status, leads_to = server.send(path, field="files", name="x.zip", content=content)
            assert status == (200 if content is None else 303), (what, status)
            print(f"{what}: at most {server.peak() - idle:.0f} MiB more than before the upload")
            return leads_to

        idle = 0.0
        for path in (small, large):
            # What every server keeps once it has worked is not what the zip takes.
            idle = server.memory()
            print(f"{path.name} of {path.stat().st_size / 1024 / 1024:.1f} MiB; the web server holds {idle:.0f} MiB")
            address = send("upload", upload, path.read_bytes())
            send("page before Confirm", address)
            send("confirm", address, b"")
    assert System.objects.filter(organization=organization).count() == 1 + FILES
    print(f"{FILES} files of {DEVICES} devices, {unpacked / 1024 / 1024:.0f} MiB unpacked")


def _write_zip(path: Path, *, files: int, devices: int) -> int:
    """A zip of system files of so many devices; how long they are together. Their names can hardly be packed, as real ones."""
    from licensemgr.core import clock
    from licensemgr.portal.simulating import SimulatedSystem

    chance = random.Random(files)
    unpacked = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(files):
            document = SimulatedSystem(f"{path.name} {number}", "camera-station").system_file(
                at=clock.real_now(),
                devices=[
                    (f"{chance.getrandbits(160):040x}", f"Camera {chance.getrandbits(128):032x}", "core-device")
                    for _device in range(devices)
                ],
            )
            archive.writestr(f"{number}.json", document)
            unpacked += len(document)
    return unpacked


def _timed(what: str, act: Callable[[], T]) -> T:
    begun = time.perf_counter()
    done = act()
    print(f"{what}: {time.perf_counter() - begun:.2f} s")
    return done


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
