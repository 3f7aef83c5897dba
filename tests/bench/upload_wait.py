"""How long another writer waits while 100 MiB of system files are uploaded, and while they are confirmed. On SQLite, whose
write lock is one for the whole database.

    MODE=test .venv/bin/python -m tests.bench.upload_wait

Works in an empty database of its own in a temporary folder. The other writer is a process of its own that begins a transaction,
changes a row and commits, again and again. Times depend on the machine, so nothing is asserted.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILES = 6
DEVICES = 100_000
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def main(folder: Path) -> None:
    """Measure and print."""
    os.environ |= {"MODE": "test", "VAR_DIR": str(folder), "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3"}
    _set_up()
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    from organizations.models import Role
    from organizations.services import add_member
    from tests.factories import OrganizationFactory, UserFactory, camera_station
    from tests.hardware.offline import send

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    camera_station()
    organization, user = OrganizationFactory.create(), UserFactory.create()
    add_member(organization=organization, user=user, role=Role.MANAGER, actor=None, on=NOW.date())
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    packed, size = _upload()
    print(
        f"{FILES} files of {DEVICES} devices, {size / 1024 / 1024:.0f} MiB, in a zip of {len(packed) / 1024 / 1024:.0f} MiB"
    )
    answer = _beside_a_writer("upload", lambda: send(client, organization.slug, packed))
    address = answer["Location"]
    _beside_a_writer("page before Confirm", lambda: client.get(address))
    answer = _beside_a_writer("confirm", lambda: client.post(address))
    shown = client.get(answer["Location"]).content.decode()
    assert f"{FILES} systems are up to date" in shown


def _set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    import django

    django.setup()


def _upload() -> tuple[bytes, int]:
    """A zip of system files, near to the limits, and what they are together."""
    from licensemgr.portal.simulating import SimulatedSystem
    from tests.hardware.offline import zip_of

    chance = random.Random(1)
    files = {}
    for number in range(FILES):
        # Names as of a real list: most of them can hardly be packed.
        devices = [
            (f"{chance.getrandbits(160):040x}", f"Dome camera {chance.getrandbits(128):032x}", "core-device")
            for _n in range(DEVICES)
        ]
        files[f"system-{number}.json"] = SimulatedSystem(f"Large {number}", "camera-station").system_file(
            at=NOW, devices=devices
        )
    return zip_of(files), sum(map(len, files.values()))


def _beside_a_writer(what: str, act: Any) -> Any:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.upload_wait", "--write"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        begun = time.perf_counter()
        answer = act()
        took = time.perf_counter() - begun
        said, _errors = writer.communicate("\n")
    assert answer.status_code in (200, 303), answer.status_code
    print(f"{what}: {took:.1f} s; {said.strip()}", flush=True)
    return answer


def write() -> None:
    """Write again and again, until there is something to read; say how long a write took at most."""
    _set_up()
    import select

    from django.db import connection, transaction

    connection.ensure_connection()
    print("ready", flush=True)
    waits = []
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        begun = time.perf_counter()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE organizations_organization SET country = country")
        waits.append(time.perf_counter() - begun)
    waits.sort()
    longest, half = waits[-1], waits[len(waits) // 2]
    print(f"another writer: {len(waits)} writes, the longest took {longest:.2f} s, half of them less than {half:.3f} s")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
