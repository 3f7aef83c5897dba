"""The processes of docker-compose.yml without containers, driven by a person in a browser: ``python -m tests.processes``.

Starts what that file starts, from the same files of deploy/: two web servers of two processes, two workers, two beats, PgBouncer,
Redis with persistence, nginx with TLS, before the PostgreSQL of DATABASE_URL, in a database and a folder of its own. Somebody signs
up by the code from a real mail, registers a product, redeems a key; meanwhile one web server is ended. Then it looks whether all of
that arrived once, whether the proxy keeps to itself what it has to, and whether the logs hold a secret.
"""

import contextlib
import json
import re
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import psycopg
from playwright.sync_api import Page, expect, sync_playwright

from tests.processes.stack import (
    HOST,
    MailServer,
    Stack,
    environment_of,
    running,
    start_below,
    start_portal,
    start_proxy,
)

PASSWORD = "two swans on the river"
ADDRESS = "new@example.com"


def issue_key(stack: Stack, environment: dict[str, str]) -> str:
    """The vendor's part: a catalogue, a signing key, and a license key in clear."""
    manage = (sys.executable, "manage.py")
    vendor = "from licensemgr.portal.playing import ensure_catalogue; ensure_catalogue()"
    owner = environment | {"DATABASE_OWNER_URL": stack.owner_url}
    stack.run(*manage, "shell", "--verbosity", "0", "--command", vendor, environment=owner)
    stack.run(*manage, "rotate_signing_key", environment=owner)
    order = ("--product", "camera-station", "--kind", "subscription", "--license", "core-device=4", "--count", "1")
    return stack.run(*manage, "issue_license_keys", *order, environment=owner).strip()


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
    web, pooler = f"{stack.database}_web", f"127.0.0.1:{stack.port('pgbouncer')}"
    url = f"postgresql://{web}:web-{stack.database}@{pooler}/{stack.database}"
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
        # The web by itself may not look at what is an organization's.
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM products_system")
            raise AssertionError("the web sees systems of organizations")
        connection.rollback()
        codes = [each for each in mail.mails if re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}\s*$", each, re.MULTILINE)]
        assert len(codes) == 1, codes
    with psycopg.connect(stack.owner_url) as connection:
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
