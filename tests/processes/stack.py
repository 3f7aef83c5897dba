"""The processes themselves: how each is started from the files of deploy/, and ended."""

import contextlib
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

ROOT = Path(__file__).parent.parent
ROOT = Path(__file__).parent.parent.parent
HOST = "licenses.localhost"
SECONDS = 30.0


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail and keeps it."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int = 0, mails: list[str] | None = None) -> None:
        self.mails: list[str] = [] if mails is None else mails
        self.arrived = threading.Condition()
        super().__init__(("127.0.0.1", port), _MailHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()

    def wait_for(self, pattern: str) -> str:
        """The first group of the pattern in the first mail that has it."""

        def found() -> "re.Match[str] | None":
            return next(filter(None, (re.search(pattern, mail) for mail in self.mails)), None)

        with self.arrived:
            assert self.arrived.wait_for(lambda: found() is not None, timeout=60), (
                f"no mail has {pattern}: {self.mails}"
            )
            match = found()
        assert match is not None
        return match[1]


class _MailHandler(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        """As much of SMTP as Django's client speaks."""
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b"".join(iter(self.rfile.readline, b".\r\n")).decode(errors="replace")
                with self.server.arrived:
                    self.server.mails.append(body)
                    self.server.arrived.notify_all()
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


@dataclass
class Stack:
    """Everything that was started, its ports and its folder."""

    folder: Path
    admin_url: str
    database: str = field(default_factory=lambda: f"processes_{uuid.uuid4().hex[:8]}")
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def port(self, name: str) -> int:
        """The port of a process, chosen when first asked for."""
        return self.ports.setdefault(name, free_port())

    def log(self, name: str) -> str:
        """What the process wrote."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def start(self, name: str, *command: str, environment: dict[str, str] | None = None) -> None:
        """Start a process in a session of its own; what it writes goes to its log."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *command: str, environment: dict[str, str]) -> str:
        """What a command prints; it has to succeed."""
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def wait_for_port(self, name: str, address: str = "127.0.0.1") -> None:
        """Until the process listens."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            assert self.running[name].poll() is None, f"{name} ended: {self.log(name)}"
            with contextlib.suppress(OSError), socket.create_connection((address, self.port(name)), timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} does not listen: {self.log(name)}")

    def stop(self, name: str) -> None:
        """End a process as an orchestrator does: SIGTERM, and SIGKILL to what is left."""
        process = self.running.pop(name)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def make_database(self) -> None:
        """A database and a role of its own, which owns it; the others are made by ``migrate``."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            role, password = sql.Identifier(self.database), sql.Literal("pw-" + self.database)
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(role, password))
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))

    def drop_database(self) -> None:
        """Leave the server as it was."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.database)))
            for part in ("_tenant", "_registry", "_upkeep", "_staff", "_web", ""):
                admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(self.database + part)))

    @property
    def owner_url(self) -> str:
        """Straight to the server, as the owner of the tables."""
        server = urllib.parse.urlsplit(self.admin_url)
        return (
            f"postgresql://{self.database}:pw-{self.database}@{server.hostname}:{server.port or 5432}/{self.database}"
        )


def environment_of(stack: Stack, mail: MailServer) -> dict[str, str]:
    """What docker-compose.yml and .env say, for this machine."""
    secrets = stack.folder / "secrets"
    secrets.mkdir()
    names = ("secret_key", "license_key_pepper", "encryption_secret", "metrics_token")
    for name in names:
        (secrets / name).write_text(f"{name}-{uuid.uuid4().hex}-{uuid.uuid4().hex}")
    (secrets / "database_password").write_text(f"web-{stack.database}")
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        **{f"{name.upper()}_FILE": str(secrets / name) for name in (*names, "database_password")},
        "DATABASE_URL": f"postgresql://{stack.database}_web@127.0.0.1:{stack.port('pgbouncer')}/{stack.database}",
        "DATABASE_ROLES": stack.database,
        "DATABASE_POOLER": "1",
        "REDIS_URL": f"redis://127.0.0.1:{stack.port('redis')}/0",
        "TRUSTED_PROXY": "127.0.0.1",
        "ALLOWED_HOSTS": HOST,
        "PORTAL_URL": f"https://{HOST}:{stack.port('proxy')}",
        "CSRF_TRUSTED_ORIGINS": f"https://{HOST}:{stack.port('proxy')}",
        "WEB_CONCURRENCY": "2",
        "VAR_DIR": str(stack.folder / "var"),
        "STATIC_ROOT": str(stack.folder / "static"),
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(mail.server_address[1]),
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    }


def start_below(stack: Stack) -> None:
    """Redis with persistence, and PgBouncer from the file of deploy/ before the server of DATABASE_URL."""
    redis = (
        "--port",
        str(stack.port("redis")),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(stack.folder),
        "--appendonly",
        "yes",
    )
    stack.start("redis", "redis-server", *redis)
    server = urllib.parse.urlsplit(stack.admin_url)
    text = (ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini").read_text(encoding="utf-8")
    for a, b in (
        ("host=postgres port=5432", f"host={server.hostname} port={server.port or 5432}"),
        ("listen_addr = 0.0.0.0", "listen_addr = 127.0.0.1"),
        ("listen_port = 6432", f"listen_port = {stack.port('pgbouncer')}"),
        ("/tmp/userlist.txt", str(stack.folder / "userlist.txt")),  # noqa: S108 - as it stands in the file
    ):
        assert a in text, a
        text = text.replace(a, b)
    (stack.folder / "pgbouncer.ini").write_text(text)
    (stack.folder / "userlist.txt").write_text(f'"{stack.database}_web" "web-{stack.database}"\n')
    # It refuses to run as root, as a container of a CI does.
    as_somebody = ("--user", "nobody") if os.getuid() == 0 else ()
    stack.folder.chmod(0o755)
    stack.start("pgbouncer", "pgbouncer", *as_somebody, str(stack.folder / "pgbouncer.ini"))
    for name in ("redis", "pgbouncer"):
        stack.wait_for_port(name)


def start_portal(stack: Stack, environment: dict[str, str]) -> None:
    """What ``migrate`` does, then two of each process of the portal."""
    manage = (sys.executable, "manage.py")
    owner = environment | {"DATABASE_OWNER_URL": stack.owner_url}
    stack.run(*manage, "migrate", "--no-input", "--verbosity", "0", environment=owner)
    stack.run(*manage, "database_limits", environment=owner)
    # As the image is built: with the demonstration's settings, without a secret.
    building = {"MODE": "demonstration", "DATABASE_URL": f"sqlite:///{stack.folder}/none.sqlite3", "REDIS_URL": ""}
    static = {"STATIC_ROOT": environment["STATIC_ROOT"], "VAR_DIR": environment["VAR_DIR"], "PATH": environment["PATH"]}
    stack.run(*manage, "collectstatic", "--no-input", "--verbosity", "0", environment=building | static)
    celery = (sys.executable, "-m", "celery", "--app", "licensemgr.celery")
    for number in (1, 2):
        bind = f"127.0.0.1:{stack.port(f'web{number}')}"
        gunicorn = ("gunicorn", "licensemgr.wsgi", "--bind", bind, "--threads", "4", "--no-control-socket")
        stack.start(f"web{number}", sys.executable, "-m", *gunicorn, environment=environment)
        worker = (
            "worker",
            "--pool",
            "threads",
            "--concurrency",
            "2",
            "--loglevel",
            "INFO",
            "--hostname",
            f"w{number}@here",
        )
        stack.start(f"worker{number}", *celery, *worker, environment=environment)
        beat = ("beat", "--pidfile", "", "--schedule", str(stack.folder / f"beat{number}"), "--loglevel", "INFO")
        stack.start(f"beat{number}", *celery, *beat, environment=environment)
    for number in (1, 2):
        stack.wait_for_port(f"web{number}")


def start_proxy(stack: Stack) -> None:
    """nginx from the template of deploy/, with a certificate that signs itself."""
    tls = stack.folder / "tls"
    tls.mkdir()
    keys = ("-keyout", str(tls / "privkey.pem"), "-out", str(tls / "fullchain.pem"), "-subj", f"/CN={HOST}")
    stack.run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *keys, environment=dict(os.environ)
    )
    values = {
        "PORTAL_HTTP": f"127.0.0.1:{stack.port('plain')}",
        "PORTAL_HTTPS": f"127.0.0.1:{stack.port('proxy')}",
        "PORTAL_TLS": str(tls),
        "PORTAL_RESOLVER": "127.0.0.1",
        "PORTAL_SERVERS": "".join(f"server 127.0.0.1:{stack.port(f'web{number}')};" for number in (1, 2)),
    }
    text = (ROOT / "deploy" / "nginx.conf.template").read_text(encoding="utf-8")
    site = re.sub(r"\$\{(PORTAL_\w+)\}", lambda name: values[name[1]], text)
    # Behind this proxy people type a port.
    site = site.replace("proxy_set_header Host $host;", "proxy_set_header Host $http_host;")
    paths = "".join(
        f"{kind}_temp_path {stack.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (stack.folder / "nginx.conf").write_text(
        f"daemon off; pid {stack.folder}/nginx.pid; error_log stderr; events {{}}\nhttp {{ {paths}\n{site}\n}}\n"
    )
    stack.start("proxy", shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(stack.folder / "nginx.conf"))
    stack.wait_for_port("proxy")


@contextlib.contextmanager
def running() -> Iterator[Stack]:
    """A folder and a database that are gone afterwards, with all that was started."""
    admin_url = os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
    with tempfile.TemporaryDirectory(prefix="license-manager-processes-") as folder:
        stack = Stack(Path(folder), admin_url)
        stack.make_database()
        try:
            yield stack
        finally:
            for process in stack.running.values():
                process.terminate()
            for name in list(stack.running):
                stack.stop(name)
            stack.drop_database()
