"""Keeps the portal's three processes running: web server, worker, beat. For `manage.py demo` and `manage.py serve`."""

import contextlib
import errno
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command

# A process that dies is started again after 1, 2, 4 … seconds; after this many deaths in a row everything stops.
MAXIMUM_DEATHS = 5
# A process that ran this long did not die "in a row".
SETTLED_SECONDS = 30.0


class CannotStart(Exception):
    """The processes can't be started; the message is the sentence that the operator reads."""


@dataclass
class Child:
    """One of the processes: how it is started, and how it fares."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    deaths: int = 0
    start_again_at: float = 0.0


def web(host: str, port: int, *, workers: int, threads: int, graceful: int, log_level: str) -> Child:
    """The web server; requests that run get ``graceful`` seconds to end when it is told to stop."""
    command = [sys.executable, "-m", "gunicorn", "licensemgr.wsgi", "--bind", f"{host}:{port}"]
    command += ["--workers", str(workers), "--threads", str(threads), "--worker-class", "gthread"]
    command += ["--graceful-timeout", str(graceful), "--log-level", log_level, "--no-control-socket"]
    return Child("web server", command)


def worker(*, threads: int, log_level: str) -> Child:
    """The worker, in threads: signals to a pool of processes hang now and then."""
    command = [sys.executable, "-m", "celery", "--quiet", "--app", "licensemgr.celery", "worker", "--pool", "threads"]
    command += ["--concurrency", str(threads), "--loglevel", log_level]
    return Child("worker", [*command, "--without-gossip", "--without-mingle", "--without-heartbeat"])


def beat(*, log_level: str) -> Child:
    """The beat schedule."""
    command = [sys.executable, "-m", "celery", "--quiet", "--app", "licensemgr.celery", "beat", "--loglevel", log_level]
    return Child("beat", [*command, "--pidfile", ""])


def refuse_port_in_use(host: str, port: int) -> None:
    """Raises CannotStart, before anything was started, when nothing can listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise CannotStart(
                    f"Port {port} is in use by another program: stop that one, or choose another port (PORT={port + 1})."
                ) from error
            raise CannotStart(f"Nothing can listen on {host}, port {port}: {error}.") from error


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Within this, no second set of processes runs on ``folder``. Raises CannotStart when one does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "running.lock").open("w")
    except OSError as error:
        raise CannotStart(
            f"{folder} can't be written to: {error.strerror}. Set VAR_DIR to a folder of your own."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStart(f"License Manager is running on {folder} already: stop it first.") from error
        yield


def prepare() -> None:
    """Bring the database's tables and the static files up to this version of the code."""
    from licensemgr.celery import make_folders

    make_folders()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    if settings.DEBUG:
        return
    digest = hashlib.sha256()
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            digest.update(f"{path} {storage.size(path)} {storage.get_modified_time(path).timestamp()}\n".encode())
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest.hexdigest())


@dataclass
class Supervisor:
    """Starts the children, starts again one that dies, and stops all of them on SIGINT, SIGTERM or SIGHUP.

    Each child has a session of its own, so that Ctrl-C reaches the supervisor alone; it sends SIGTERM to each main process,
    and SIGKILL to what is left of each session after ``kill_after`` seconds.
    """

    children: Sequence[Child]
    kill_after: float
    say: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    _stopping: bool = False

    def run(self, when_ready: Callable[[], None], address: tuple[str, int]) -> None:
        """Run until told to stop. Raises CannotStart when a child keeps dying."""
        former = {
            number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        ready = False
        try:
            for child in self.children:
                self._start(child)
            while not self._stopping:
                for child in self.children:
                    self._look_after(child)
                if not ready and _answers(address):
                    ready = True
                    when_ready()
                time.sleep(0.1)
        finally:
            self._stop_all()
            for number, handler in former.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self, child: Child) -> None:
        environment = {**os.environ, **self.environment}
        child.process = subprocess.Popen(  # noqa: S603 - the command is ours
            list(child.command),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # Who answers requests and runs jobs never learns how the owner of the tables signs in (R30).
            env={name: value for name, value in environment.items() if not name.startswith("DATABASE_OWNER_")},
            cwd=settings.BASE_DIR,
        )
        child.started = time.monotonic()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_again_at:
                self._start(child)
            return
        if not _has_ended(child.process):
            return
        _end_session(child.process)
        code = child.process.wait()
        child.process = None
        child.deaths = 1 if now - child.started > SETTLED_SECONDS else child.deaths + 1
        if child.deaths >= MAXIMUM_DEATHS:
            raise CannotStart(
                f"The {child.name} ended {child.deaths} times in a row (exit code {code}): its messages above say why. "
                "Everything was stopped."
            )
        wait = 2 ** (child.deaths - 1)
        self.say(f"The {child.name} ended with exit code {code}; it is started again in {wait} s.")
        child.start_again_at = now + wait

    def _stop_all(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if not _has_ended(process):
                process.terminate()
        deadline = time.monotonic() + self.kill_after
        while time.monotonic() < deadline and not all(_has_ended(process) for process in running):
            time.sleep(0.05)
        for process in running:
            _end_session(process)
            process.wait()


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the main process ended; it is not reaped yet, so that its session's number stays its own."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_session(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to whatever is left of the child's session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _answers(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=0.5):
            return True
    except OSError:
        return False
