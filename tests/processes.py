"""The processes of docker-compose.yml without containers, driven by a person in a browser: ``python -m tests.processes``.

Starts what that file starts, from the same files of deploy/: two web servers of two processes, two workers, two beats, PgBouncer,
Redis with persistence, nginx with TLS, before the PostgreSQL of DATABASE_URL, in a database and a folder of its own. Somebody signs
up by the code from a real mail, registers a product, redeems a key; meanwhile one web server is ended. Then it looks whether all of
that arrived once, whether the proxy keeps to itself what it has to, and whether the logs hold a secret.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import ssl
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
from typing import Any

import psycopg
from playwright.sync_api import Page, expect, sync_playwright
from psycopg import sql

ROOT = Path(__file__).parent.parent
HOST = "licenses.localhost"
PASSWORD = "two swans on the river"
ADDRESS = "new@example.com"
SECONDS = 30.0


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail and keeps it."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.arrived = threading.Condition()
        super().__init__(("127.0.0.1", 0), _MailHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

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
        """A database and a role of its own, which owns it."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            role, password = sql.Identifier(self.database), sql.Literal("pw-" + self.database)
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))

    def drop_database(self) -> None:
        """Leave the server as it was."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.database)))
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(self.database)))


def environment_of(stack: Stack, mail: MailServer) -> dict[str, str]:
    """What docker-compose.yml and .env say, for this machine."""
    secrets = stack.folder / "secrets"
    secrets.mkdir()
    names = ("secret_key", "license_key_pepper", "encryption_secret", "metrics_token")
    for name in names:
        (secrets / name).write_text(f"{name}-{uuid.uuid4().hex}-{uuid.uuid4().hex}")
    (secrets / "database_password").write_text(f"pw-{stack.database}")
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        **{f"{name.upper()}_FILE": str(secrets / name) for name in (*names, "database_password")},
        "DATABASE_URL": f"postgresql://{stack.database}@127.0.0.1:{stack.port('pgbouncer')}/{stack.database}",
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
    (stack.folder / "userlist.txt").write_text(f'"{stack.database}" "pw-{stack.database}"\n')
    # It refuses to run as root, as a container of a CI does.
    as_somebody = ("--user", "nobody") if os.getuid() == 0 else ()
    stack.folder.chmod(0o755)
    stack.start("pgbouncer", "pgbouncer", *as_somebody, str(stack.folder / "pgbouncer.ini"))
    for name in ("redis", "pgbouncer"):
        stack.wait_for_port(name)


def start_portal(stack: Stack, environment: dict[str, str]) -> None:
    """What ``migrate`` does, then two of each process of the portal."""
    manage = (sys.executable, "manage.py")
    server = urllib.parse.urlsplit(stack.admin_url)
    direct = f"postgresql://{stack.database}@{server.hostname}:{server.port or 5432}/{stack.database}"
    past_pooler = environment | {"DATABASE_URL": direct, "DATABASE_POOLER": "0"}
    stack.run(*manage, "migrate", "--no-input", "--verbosity", "0", environment=past_pooler)
    stack.run(*manage, "database_limits", environment=past_pooler)
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


def issue_key(stack: Stack, environment: dict[str, str]) -> str:
    """The vendor's part: a catalogue, a signing key, and a license key in clear."""
    manage = (sys.executable, "manage.py")
    vendor = "from licensemgr.portal.playing import ensure_catalogue; ensure_catalogue()"
    stack.run(*manage, "shell", "--verbosity", "0", "--command", vendor, environment=environment)
    stack.run(*manage, "rotate_signing_key", environment=environment)
    order = ("--product", "camera-station", "--kind", "subscription", "--license", "core-device=4", "--count", "1")
    return stack.run(*manage, "issue_license_keys", *order, environment=environment).strip()


def journey(stack: Stack, page: Page, mail: MailServer, key: str) -> None:
    """From signing up to a wallet with licenses; a web server ends on the way, and nobody notices."""
    base = f"https://{HOST}:{stack.port('proxy')}"
    main = page.get_by_role("main")
    page.goto(f"{base}/accounts/login/")
    main.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail address").fill(ADDRESS)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Name of the organization").fill("Nord")
    main.get_by_role("button", name="Create account", exact=True).click()
    page.get_by_label("Code").fill(mail.wait_for(r"(?m)^\s*([0-9A-Z]{4}-[0-9A-Z]{4})\s*$"))
    main.get_by_role("button", name="Confirm", exact=True).click()
    expect(main).to_contain_text("Nord")
    stack.stop("web1")
    page.goto(f"{base}/o/nord/products/register/")
    page.get_by_label("Product", exact=True).select_option(label="Camera Station")
    main.get_by_role("button", name="Next", exact=True).click()
    page.get_by_label("System name").fill("Head office")
    page.get_by_label("Core device").fill("4")
    page.get_by_label("Universal device").fill("0")
    main.get_by_role("button", name="Register product", exact=True).click()
    expect(main).to_contain_text("Start your subscription")
    page.goto(f"{base}/o/nord/products/camera-station/wallet/")
    page.get_by_role("textbox", name="License key", exact=True).fill(key)
    main.get_by_role("button", name="Redeem license key", exact=True).click()
    expect(main).to_contain_text("The license key was redeemed.")


def ask(url: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of an answer; redirects are not followed, and the certificate is not looked at."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: Any, **options: Any) -> None:
            return None

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})  # noqa: S310 - ours
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


def look_at_the_edges(stack: Stack) -> None:
    """What the proxy keeps to itself, what the web server believes, and what both answer to monitoring."""
    proxy, web = f"https://127.0.0.1:{stack.port('proxy')}", f"http://127.0.0.1:{stack.port('web2')}"
    token = (stack.folder / "secrets" / "metrics_token").read_text()
    assert ask(f"{proxy}/metrics", Host=HOST, Authorization=f"Bearer {token}")[0] == 404
    assert ask(f"{proxy}/readyz", Host=HOST)[0] == 404
    status, headers, _text = ask(f"http://127.0.0.1:{stack.port('plain')}/accounts/login/", Host=HOST)
    assert (status, headers["Location"]) == (301, f"https://{HOST}/accounts/login/")
    status, headers, _text = ask(f"{proxy}/accounts/login/", Host=HOST, X_Forwarded_For="192.0.2.1")
    assert status == 200 and "max-age" in headers["Strict-Transport-Security"] and headers["X-Request-ID"]
    assert ask(f"{web}/accounts/login/", Host=HOST)[0] == 301
    status, _headers, text = ask(f"{web}/readyz")
    said = json.loads(text)
    assert (status, said.pop("minutes since the daily run")) == (200, None) or status == 200
    assert set(said.values()) == {"ok"}, said
    assert ask(f"{web}/metrics")[0] == 404
    status, _headers, text = ask(f"{web}/metrics", Authorization=f"Bearer {token}")
    assert status == 200
    # Of both processes of this server together.
    assert 'license_manager_licenses_moved_total{reason="redeemed"} 4.0' in text, text
    assert re.search(r'license_manager_job_runs_total\{job="portal.send_outbox",outcome="succeeded"\} [1-9]', text), (
        text
    )


def look_at_the_database(stack: Stack, mail: MailServer) -> None:
    """Time limits hold behind PgBouncer; two beats and two workers sent one mail of each."""
    url = f"postgresql://{stack.database}:pw-{stack.database}@127.0.0.1:{stack.port('pgbouncer')}/{stack.database}"
    with psycopg.connect(url, prepare_threshold=None) as connection:
        for name, value in (
            ("statement_timeout", "1min"),
            ("lock_timeout", "15s"),
            ("idle_in_transaction_session_timeout", "2min"),
        ):
            assert connection.execute(f"SHOW {name}").fetchone() == (value,), name
        connection.execute("SET LOCAL statement_timeout = '50ms'")
        with contextlib.suppress(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(5)")
            raise AssertionError("no statement is ended")
        connection.rollback()
        codes = [each for each in mail.mails if re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}\s*$", each, re.MULTILINE)]
        assert len(codes) == 1, codes
        unsent = connection.execute(
            "SELECT count(*) FROM core_outboxmessage WHERE sent_at IS NULL AND withdrawn_at IS NULL"
        )
        assert unsent.fetchone() == (0,)


def look_at_the_logs(stack: Stack, secrets: list[str]) -> None:
    """Lines of JSON, and no secret in any log of any process."""
    for path in sorted(stack.folder.glob("*.log")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for secret in secrets:
            assert secret not in text, f"{path.name} has a secret"
        if path.name.startswith(("web", "worker", "beat")):
            lines = [line for line in text.splitlines() if line.strip()]
            told = [json.loads(line) for line in lines if line.startswith("{")]
            assert told, f"{path.name}: {text}"
            # Celery's greeting is no log.
            assert not path.name.startswith("web") or len(told) == len(lines), text
            assert not [line for line in told if line["level"] in ("ERROR", "CRITICAL")], text
    lines = [json.loads(line) for line in stack.log("web2").splitlines()]
    assert any("organization" in line and "person" in line and "request" in line for line in lines)


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


def main() -> None:
    """All of it, with a word on each part."""
    begun = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - begun:5.1f} s  {what}", flush=True)

    with running() as stack, MailServer() as mail:
        environment = environment_of(stack, mail)
        start_below(stack)
        start_portal(stack, environment)
        start_proxy(stack)
        key = issue_key(stack, environment)
        say(f"{len(stack.running)} processes run: {', '.join(stack.running)}")
        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            page = browser.new_context(ignore_https_errors=True, locale="en").new_page()
            page.set_default_timeout(20_000)
            expect.set_options(timeout=20_000)
            try:
                journey(stack, page, mail, key)
            except Exception:
                print(page.url, page.content(), stack.log("web2"), stack.log("proxy"))
                raise
            session = next(each["value"] for each in page.context.cookies() if each["name"] == "sessionid")
            browser.close()
        say("Somebody signed up by mail, registered a product and redeemed a key while a web server ended.")
        look_at_the_edges(stack)
        look_at_the_database(stack, mail)
        secrets = [path.read_text() for path in (stack.folder / "secrets").iterdir()]
        look_at_the_logs(stack, [key, PASSWORD, session, *secrets])
        say("The proxy keeps what it has to, limits hold behind PgBouncer, mail came once, no log has a secret.")


if __name__ == "__main__":
    main()
