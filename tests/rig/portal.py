"""A portal of several processes, each of which can be ended and started again."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery

from tests.processes.stack import HOST, ROOT, MailServer, Stack, environment_of
from tests.restoring.server import Server
from tests.rig import points

SETTINGS = "tests.rig.settings"
WEB_PROCESSES = 3
WORKERS = ("worker1", "worker2")
SEND_OUTBOX, RUN_DAILY = "portal.send_outbox", "portal.run_daily"
# After which a part that was started does not come any more, on a machine that has other things to do as well.
SECONDS = 90.0
# What holds the data of all of it, so that the disk can be full: half a gibibyte.
DISK = 512 * 1024 * 1024


@dataclass
class Portal:
    """Everything that runs. ``disk`` is the folder of all data, on a filesystem of its own where this machine lets one be made."""

    disk: Path
    has_own_disk: bool
    server: Server
    stack: Stack
    mail: MailServer
    seeded: dict[str, Any] = field(default_factory=dict)
    verifier: "subprocess.Popen[str] | None" = None
    # Where what a portal begins with is kept for those after it, as making it takes longer than all else; None keeps nothing.
    kept: Path | None = None

    def __post_init__(self) -> None:
        self.folder = self.stack.folder / "rig"
        self.folder.mkdir()
        temporary = self.stack.folder / "tmp"
        temporary.mkdir()
        # How many parts ended by themselves.
        self.started_again = 0
        self.environment = environment_of(self.stack, self.mail) | {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "RIG_FOLDER": str(self.folder),
            "DATABASE_URL": f"postgresql://{self.stack.database}_web@127.0.0.1:{self.server.port}/{self.stack.database}",
            "DATABASE_POOLER": "",
            "TMPDIR": str(temporary),
            "WEB_CONCURRENCY": str(WEB_PROCESSES),
            # The load is a few people and systems that work without pause.
            "API_CALLS_PER_HOUR": "1000000",
            # Each is a place in the cache that is asked for.
            "API_UNPROVED_CALLS_PER_HOUR": "200",
            "LICENSE_KEY_TRIES_PER_HOUR": "200",
            # Months pass within a second.
            "SETTLE_MAX_DAYS": "100000",
            "PYTHONWARNINGS": "ignore",
        }
        self.redis_url = self.environment["REDIS_URL"]
        self._tasks: Celery | None = None
        self._asking: psycopg.Connection[Any] | None = None

    # Starting

    def begin(self) -> None:
        """Make the tables and what there is before the load, or take what another portal began with, and start every part."""
        if self.kept is not None and (self.kept / "seeded.json").exists():
            self._begin_as(self.kept)
        else:
            self.server.make("max_wal_size = 64MB", "min_wal_size = 32MB", "restart_after_crash = on")
            self.stack.make_database()
            self.run("migrate", "--no-input", "--verbosity", "0")
            self.run("database_limits")
            self.seed()
            if self.kept is not None:
                self._keep(self.kept)
        self.start_redis()
        self.start_web()
        for name in WORKERS:
            self.start_worker(name)
        self.start_beat("beat1")
        self.wait_for_web()
        for name in WORKERS:
            self.wait_for_worker(name)

    def _keep(self, folder: Path) -> None:
        """The database as it is now, with the secrets by which it is read."""
        self.server.stop("fast")
        _copy(self.server.data, folder / "data")
        _copy(self.stack.folder / "secrets", folder / "secrets")
        (folder / "seeded.json").write_text(json.dumps(self.seeded))
        self.server.start()

    def _begin_as(self, folder: Path) -> None:
        """With the database of a portal before; the server has a port of its own."""
        _copy(folder / "data", self.server.data)
        with (self.server.data / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.server.port}\n")
        shutil.rmtree(self.stack.folder / "secrets")
        _copy(folder / "secrets", self.stack.folder / "secrets")
        self.seeded = json.loads((folder / "seeded.json").read_text())
        self.server.start()

    def seed(self) -> None:
        """What there is before the load."""
        seeding = ("--verbosity", "0", "--command", "from tests.rig.seeding import seed; seed()")
        self.seeded = json.loads(self.run("shell", *seeding))

    def run(self, *command: str) -> str:
        """What a command of manage.py prints, as the owner."""
        return self.stack.run(sys.executable, "manage.py", *command, environment=self._owner())

    def _owner(self) -> dict[str, str]:
        return self.environment | {"DATABASE_OWNER_URL": self.stack.owner_url}

    def start_redis(self) -> None:
        """Empty: nothing of it is kept on a disk."""
        port = str(self.stack.port("redis"))
        self.stack.start(
            "redis", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"
        )
        self.stack.wait_for_port("redis")

    def start_web(self) -> None:
        """gunicorn as docker-compose.yml starts it."""
        bind = f"127.0.0.1:{self.stack.port('web')}"
        gunicorn = ("gunicorn", "licensemgr.wsgi", "--bind", bind, "--threads", "2", "--no-control-socket")
        self._start("web", "-m", *gunicorn, role="web")

    def wait_for_web(self) -> None:
        """Until it is healthy, as whoever started it finds out."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            assert self.stack.running["web"].poll() is None, self.stack.log("web")
            with contextlib.suppress(OSError):
                request = urllib.request.Request(f"http://127.0.0.1:{self.stack.port('web')}/healthz")
                with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - ours
                    if answer.status == 200:
                        return
            time.sleep(0.1)
        raise AssertionError(f"the web server does not come: {self.stack.log('web')}")

    def start_worker(self, name: str) -> None:
        """A worker as docker-compose.yml starts it."""
        options = ("--pool", "threads", "--concurrency", "2", "--loglevel", "INFO", "--hostname", f"{name}@here")
        self._start(name, "-m", "celery", "--app", "licensemgr.celery", "worker", *options, role="worker")

    def wait_for_worker(self, name: str) -> None:
        """Until it says that it is ready; one that ends meanwhile is started again."""
        deadline = time.monotonic() + SECONDS
        while not self.is_ready(name):
            assert time.monotonic() < deadline, self.stack.log(name)
            self.start_what_ended()
            time.sleep(0.1)

    def is_ready(self, name: str) -> bool:
        """Whether a worker takes jobs."""
        return self.stack.running[name].poll() is None and " ready" in self.stack.log(name)

    def start_beat(self, name: str) -> None:
        """A beat with a schedule of its own."""
        options = ("--pidfile", "", "--schedule", str(self.schedule(name)), "--loglevel", "INFO")
        self._start(name, "-m", "celery", "--app", "licensemgr.celery", "beat", *options, role="beat")

    def schedule(self, name: str) -> Path:
        """Where a beat keeps what it did last, and when."""
        return self.stack.folder / f"schedule-{name}"

    def _start(self, name: str, *command: str, role: str) -> None:
        self.stack.start(name, sys.executable, *command, environment=self.environment | {"RIG_ROLE": role})

    # Ending

    def kill(self, name: str) -> None:
        """End a part and all of its processes by SIGKILL."""
        process = self.stack.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_what_ended(self) -> bool:
        """As docker-compose.yml does with what ended by itself: Celery's worker does where Redis goes away at an ill moment.

        Whether anything had.
        """
        ended = [name for name, process in self.stack.running.items() if process.poll() is not None]
        self.started_again += len(ended)
        for name in ended:
            self.kill(name)
            if name in WORKERS:
                self.start_worker(name)
            elif name == "web":
                self.start_web()
            elif name == "redis":
                self.start_redis()
            else:
                self.start_beat(name)
        return bool(ended)

    def end_child(self, name: str, rng: random.Random) -> None:
        """End one of the processes of a part by SIGKILL; its main process starts another."""
        while True:
            if children := self.children_of(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rng.choice(children), signal.SIGKILL)
                    return
            time.sleep(0.01)

    def bring_database_back(self) -> None:
        """Until PostgreSQL answers; where it ended itself, as it may for want of room while it recovers, it is started again."""
        deadline = time.monotonic() + SECONDS
        while True:
            self.server.start_where_it_ended()
            try:
                self.server.ask("SELECT 1", "postgres")
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, self.server.log()
                time.sleep(0.1)
            else:
                return

    def children_of(self, name: str) -> list[int]:
        """The processes that a part's main process started."""
        pid = self.stack.running[name].pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def arm(self, role: str, point: str) -> Path:
        """The next process of that role that comes to the point ends there; the file is gone then."""
        path = points.path_of(self.folder, role, point)
        path.touch()
        return path

    def end(self) -> None:
        """Leave nothing behind."""
        if self._asking is not None:
            self._asking.close()
        if self.verifier is not None:
            self.verifier.kill()
            self.verifier.wait()
        for name in list(self.stack.running):
            self.kill(name)
        self.mail.end()

    # Asking

    @property
    def days(self) -> int:
        """By how many days the portal's business date is ahead of the machine's."""
        path = self.folder / "days"
        return int(path.read_text()) if path.exists() else 0

    def let_pass(self, days: int) -> None:
        """Move the business date; whole or not at all, as processes read it meanwhile."""
        new = self.folder / "days.new"
        new.write_text(str(self.days + days))
        new.replace(self.folder / "days")

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, as a superuser who sees all; asked again while the database comes back."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                if self._asking is None:
                    self._asking = psycopg.connect(self.server.url(self.stack.database), autocommit=True)
                return self._asking.execute(statement.encode()).fetchall()
            except psycopg.OperationalError:
                if self._asking is not None:
                    self._asking.close()
                self._asking = None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def runs_of(self, task: str) -> int:
        """How often a job ended so far."""
        return int(self.ask(f"SELECT coalesce(sum(runs), 0) FROM core_jobpulse WHERE job = '{task}'")[0][0])

    def send_task(self, task: str) -> None:
        """Hand a job to the workers, as beat does."""
        if self._tasks is None:
            self._tasks = Celery("rig", broker=self.redis_url)
        self._tasks.send_task(task, retry=True, retry_policy={"max_retries": 20, "interval_start": 0.1})

    def verify(self) -> None:
        """`verify_books`. Raises AssertionError where anything differs."""
        for _try in range(3):
            found = self._verified()
            if found is not None:
                break
            time.sleep(1)
        assert found is not None, f"the books can't be read: {self.said()}"
        assert not found, "\n".join(found[:20])

    def _verified(self) -> list[str] | None:
        """What differs, by a process that stays; None where it ended, or could not read the books."""
        if self.verifier is None or self.verifier.poll() is not None:
            command = (sys.executable, "manage.py", "shell", "--verbosity", "0", "--command")
            self.verifier = subprocess.Popen(
                [*command, "from tests.rig.looking import serve; serve()"],
                cwd=ROOT,
                env=self._owner(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self.verifier.stdin is not None and self.verifier.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.verifier.stdin.write("verify\n")
            self.verifier.stdin.flush()
        line = self.verifier.stdout.readline()
        found: list[str] | None = json.loads(line) if line else None
        return found

    def said(self) -> str:
        """The end of what each part wrote."""
        logs = [
            (path.name, path.read_text(errors="replace")[-3000:]) for path in sorted(self.stack.folder.glob("*.log"))
        ]
        return "\n".join(f"== {name}\n{text}" for name, text in [*logs, ("postgresql", self.server.log())])


@contextlib.contextmanager
def running_portal(kind: type[Portal] = Portal, kept: Path | None = None) -> Iterator[Portal]:
    """A portal that is gone afterwards, with all that it wrote; ``kept`` is a folder by which the next one begins sooner."""
    with tempfile.TemporaryDirectory(prefix="license-manager-rig-") as name, _disk(Path(name)) as (disk, is_own):
        disk.chmod(0o755)
        (disk / "server").mkdir()
        (disk / "stack").mkdir()
        server = Server(disk / "server")
        stack = Stack(disk / "stack", server.url("postgres"), "rig")
        portal = kind(disk, is_own, server, stack, MailServer(), kept=kept)
        try:
            portal.begin()
            yield portal
        finally:
            portal.end()
            server.stop()


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """A small filesystem in memory where one may be mounted; else the folder itself, whose disk is never made full."""
    mounted = (
        os.getuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "rig", str(folder)], capture_output=True, check=False
        ).returncode
    )
    try:
        yield folder, mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _copy(source: Path, target: Path) -> None:
    """A folder with all that is in it, whose owners stay."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def host_headers() -> dict[str, str]:
    """What the proxy that ends TLS says."""
    return {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}


def title_of(text: str) -> str:
    """What a page calls itself, for messages."""
    found = re.search(r"<title>\s*(.*?)\s*</title>", text, re.DOTALL)
    return " ".join(found[1].split()) if found else text[:200]
