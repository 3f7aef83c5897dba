"""5,000 systems that are online report: all at once, and spread. Starts the real web server and prints its figures.

    MODE=test .venv/bin/python -m tests.bench.online_systems          # SYSTEMS=200 for a small one, RATE=25 spread reports a second

On SQLite in a temporary folder, or where DATABASE_URL names PostgreSQL in a database of its own there (and on REDIS_URL's cache).
Times depend on the machine and are not asserted; that every report is there once, every answer right, and memory bounded, is.
Systems are joined as rows like those of one that joined by a call; all reports go over HTTP, by the published client.
"""

import os
import queue
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

ORGANIZATIONS = 10
# As `manage.py serve` starts it.
WORKERS, THREADS = 2, 8
CLIENTS = 64
# What a worker may hold more at its peak than before the first report, in MiB.
GROWTH = 150
CORE = 3


@dataclass
class Figures:
    """What one round of reports took."""

    what: str
    seconds: float
    # Of each report, from the first try to its answer.
    answered: list[float]
    tries: int

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.answered, n=100)
        return (
            f"{self.what}: {len(self.answered)} reports in {self.seconds:.1f} s ({len(self.answered) / self.seconds:.0f}/s), "
            f"p50 {cuts[49] * 1000:.0f} ms, p95 {cuts[94] * 1000:.0f} ms, max {max(self.answered):.2f} s, "
            f"tried again {self.tries - len(self.answered)} times"
        )


@dataclass
class Server:
    """The web server of `manage.py serve`, on a free loopback port, on the database of this process."""

    environment: Mapping[str, str]
    log: Path
    url: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> "Server":
        from licensemgr.portal.supervising import web

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        child = web("127.0.0.1", port, workers=WORKERS, threads=THREADS, graceful=5, log_level="warning")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                child.command, env=dict(self.environment), stdout=log, stderr=log, start_new_session=True
            )
        self.url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 120
        while True:
            # Asked of a worker: the main process listens before it has any.
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/healthz", timeout=30):  # noqa: S310 - the server just started
                return self
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"The server did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)

    def __exit__(self, *error: object) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def memory(self, name: str) -> float:
        """The most that one of its processes holds now (VmRSS) or held at its peak (VmHWM), in MiB (Linux)."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return max(
            int(line.split()[1]) / 1024
            for pid in children
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith(f"{name}:")
        )


@dataclass
class Fleet:
    """The systems, and what they know."""

    systems: list[Any] = field(default_factory=list)
    # How many devices each has, by its place.
    counts: list[int] = field(default_factory=list)
    # The license file that each was given last: its sequence number.
    sequences: list[int] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)

    def documents(self, at: datetime) -> list[bytes]:
        """Everybody's next report, signed before the clock runs."""
        return [
            system.system_file(at=at, counts={"core-device": count})
            for system, count in zip(self.systems, self.counts, strict=True)
        ]


def prepare(number: int) -> Fleet:
    """So many systems that joined, over ten organizations whose licenses suffice with room to grow."""
    from licensemgr.core import clock, signing_keys
    from tests.factories import Books, OrganizationFactory, UserFactory, camera_station

    camera_station()
    if not signing_keys.public_keys():
        signing_keys.rotate()
    fleet = Fleet(keys=signing_keys.public_keys())
    for place in range(ORGANIZATIONS):
        share = number // ORGANIZATIONS + (place < number % ORGANIZATIONS)
        if not share:
            continue
        on = clock.now().date()
        organization = OrganizationFactory.create(administrator=UserFactory.create(), on=on)
        _join(fleet, organization, share)
        books = Books(organization)
        devices = share * CORE
        books.redeem(on, core=devices)
        books.start(on)
        books.allocate(on, {"core": devices})
    return fleet


def _join(fleet: Fleet, organization: Any, share: int) -> None:
    """One system joins as any other does; the others get rows like its own."""
    from hardware.calling import report_online
    from hardware.models import Report, SystemIdentity
    from hardware.registration_codes import make_code
    from licensemgr.core import clock
    from licensemgr.portal.simulating import SimulatedSystem
    from organizations.models import User
    from products.models import DeviceCount, System

    new = [SimulatedSystem(f"System {number}", "camera-station", version="1.0") for number in range(share)]
    first = new[0]
    code = make_code(
        organization=organization, label="Load", uses=share, days=1, actor=User.objects.latest("pk"),
        on=clock.today(organization), form_token=uuid.uuid4(),
    ).code  # fmt: skip
    document = first.system_file(at=clock.now(), counts={"core-device": CORE})
    report_online(document=document, code=code, address="127.0.0.1")
    model = System.objects.get(system_id=first.system_id)
    parts: tuple[Any, ...] = (DeviceCount, SystemIdentity, Report)
    templates = {part: list(part.objects.filter(system=model)) for part in parts}
    fields = {part: [each.attname for each in part._meta.concrete_fields if not each.primary_key] for part in parts}
    rows = {name: getattr(model, name) for name in (each.attname for each in System._meta.concrete_fields)}
    made = System.objects.bulk_create(
        [System(**rows | {"id": None, "system_id": system.system_id, "name": system.name}) for system in new[1:]]
    )
    for part in parts:
        copies = []
        for system, row in zip(new[1:], made, strict=True):
            for template in templates[part]:
                own = {name: getattr(template, name) for name in fields[part]} | {"system_id": row.pk}
                if part is SystemIdentity:
                    own |= {"public": system.key.as_dict(private=False)["x"], "thumbprint": system.key.thumbprint()}
                    # It did not join by the code.
                    own["joined_by_id"] = None
                if part is Report:
                    own |= {"request_id": uuid.uuid4(), "digest": uuid.uuid4().hex * 2}
                copies.append(part(**own))
        part.objects.bulk_create(copies)
    for system in new[1:]:
        system.sequence = 1
    fleet.systems += new
    fleet.counts += [CORE] * share
    fleet.sequences += [1, *[0] * (share - 1)]


def send(
    fleet: Fleet, url: str, what: str, documents: Sequence[bytes], per_second: float = 0
) -> tuple[Figures, list[bytes]]:
    """Send every system's report, as quickly as ``CLIENTS`` at a time can or so many a second; the answers."""
    from licensemgr.portal.simulating import published_client

    client = published_client()
    places: queue.SimpleQueue[int] = queue.SimpleQueue()
    answers: list[bytes] = [b""] * len(documents)
    took, tries, failures = [0.0] * len(documents), [0] * len(documents), []
    begun = time.perf_counter()
    for place in range(len(documents)):
        places.put(place)

    def run() -> None:
        while True:
            try:
                place = places.get_nowait()
            except queue.Empty:
                return
            if per_second:
                time.sleep(max(0.0, begun + place / per_second - time.perf_counter()))
            portal = client.Portal(url, fleet.systems[place].key)
            once = portal._once

            def counted(*arguments: Any, once: Any = once, place: int = place) -> Any:
                tries[place] += 1
                return once(*arguments)

            portal._once = counted
            at = time.perf_counter()
            try:
                answers[place] = portal.report(documents[place]).license_file or b""
            except (client.Refused, client.NotAnswered) as error:
                failures.append(f"{what}, system {place}: {error}")
            took[place] = time.perf_counter() - at

    threads = [threading.Thread(target=run) for _number in range(min(CLIENTS, len(documents)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:5]
    return Figures(what, time.perf_counter() - begun, took, sum(tries)), answers


def check(fleet: Fleet, answers: Sequence[bytes], at: datetime, *, is_new: bool) -> None:
    """Each system believes its answer: its own devices, and a sequence number that grew, or stayed where nothing was new."""
    for place, (system, answer) in enumerate(zip(fleet.systems, answers, strict=True)):
        system.trust(fleet.keys)
        payload = system.take_license_file(answer, at=at)
        assert payload["need"]["core-device"] == fleet.counts[place], (place, payload["need"])
        assert payload["status"] == "licensed"
        [grant] = [grant for grant in payload["grants"] if grant["type"] == "core-device"]
        assert grant["quantity"] == fleet.counts[place]
        wanted = fleet.sequences[place] + (1 if is_new else 0)
        assert payload["sequence"] == wanted, (place, payload["sequence"], wanted)
        fleet.sequences[place] = payload["sequence"]


def measure(number: int, per_second: float, environment: Mapping[str, str], folder: Path) -> list[str]:
    """Join, report and check; the figures, as lines."""
    from django.db import connection

    from hardware.models import Report
    from licensemgr.core import clock
    from licensemgr.portal.verifying import verify_books

    begun = time.perf_counter()
    fleet = prepare(number)
    lines = [
        f"{number} systems of {ORGANIZATIONS} organizations on {connection.vendor}, {WORKERS} workers of {THREADS} threads, "
        f"{CLIENTS} clients; joined in {time.perf_counter() - begun:.1f} s"
    ]
    with Server(environment, folder / "server.log") as server:
        before = server.memory("VmRSS")

        def round_of(what: str, rate: float = 0, *, is_new: bool) -> None:
            at = clock.now()
            figures, answers = send(fleet, server.url, what, fleet.documents(at), rate)
            check(fleet, answers, at, is_new=is_new)
            lines.append(str(figures))

        round_of("all at once, each gets its license file", is_new=True)
        round_of("all at once, nothing new", is_new=False)
        round_of(f"spread, {per_second:.0f} a second, nothing new", per_second, is_new=False)
        after, peak = server.memory("VmRSS"), server.memory("VmHWM")
        lines.append(f"memory of a worker: {before:.0f} MiB before, {after:.0f} MiB after, {peak:.0f} MiB at the peak")
        assert peak - before < GROWTH, lines[-1]
        log = server.log.read_text(errors="replace")
        assert "Traceback" not in log, log[-3000:]
    # The one by which each joined, and three more: every report is there once, none is lost.
    assert Report.objects.count() == 4 * number
    assert Report.objects.filter(sequence=4).values("system").distinct().count() == number
    assert not verify_books().differences
    lines.append(f"reports there: {4 * number}, each once; answers right: {3 * number}; the books agree")
    return lines


def main(folder: Path) -> None:
    """Measure in a database of its own and print."""
    url = os.environ.get("DATABASE_URL", "")
    own = f"sqlite:///{folder}/bench.sqlite3"
    if url.startswith("postgres"):
        own = f"{url.rstrip('/')}_bench"
        _on_postgresql(url, f'DROP DATABASE IF EXISTS "{own.rpartition("/")[2]}"')
        _on_postgresql(url, f'CREATE DATABASE "{own.rpartition("/")[2]}"')
    os.environ |= {"MODE": "test", "VAR_DIR": str(folder), "DATABASE_URL": own, "ISSUE_LOG_DIR": str(folder / "log")}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    try:
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        number, rate = int(os.environ.get("SYSTEMS", "5000")), float(os.environ.get("RATE", "25"))
        print("\n".join(measure(number, rate, os.environ, folder)))
        connections.close_all()
    finally:
        if url.startswith("postgres"):
            _on_postgresql(url, f'DROP DATABASE IF EXISTS "{own.rpartition("/")[2]}" WITH (FORCE)')


def _on_postgresql(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
    sys.exit(0)
