"""The published client of systems that are online, against the portal itself and against servers that misbehave."""

import http.server
import json
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from joserfc.jwk import OKPKey

from hardware import calling
from hardware.models import HeldReport, LicenseFile, RegistrationCode, Report
from licensemgr.core import clock
from licensemgr.portal.simulating import SimulatedSystem, published_client
from organizations.models import Organization, User
from products.models import DeviceCount, System
from tests.api.calls import code_for
from tests.conftest import FrozenClock
from tests.factories import Books

PROBLEM = "application/problem+json"


def problem(kind: str, **more: Any) -> bytes:
    return json.dumps({"type": f"urn:license-manager:problem:{kind}", "detail": f"{kind}.", **more}).encode()


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers call after call as the test says: (status, content type, headers, body), or None to hang up unanswered."""

    script: list[Any]
    calls: list[tuple[str, dict[str, str], bytes]]

    def do_GET(self) -> None:
        self.calls.append((self.path, dict(self.headers), self.rfile.read(int(self.headers.get("Content-Length", 0)))))
        answer = self.script.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, kind, headers, body = answer
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def scripted() -> Iterator[Any]:
    """A portal that answers by a script."""
    handler = type("Handler", (Scripted,), {"script": [], "calls": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses() -> list[float]:
    return []


def portal_at(scripted: Any, pauses: list[float], tries: int = 6) -> Any:
    return published_client().Portal(
        scripted.url, OKPKey.generate_key("Ed25519"), tries=tries, pause=lambda seconds: pauses.append(seconds)
    )


STANDING: tuple[int, str, dict[str, str], bytes] = (
    200,
    "application/json",
    {},
    b'{"status": "not_licensed", "sentence": "Allocate."}',
)


def test_only_https_and_this_machine_are_called() -> None:
    client = published_client()
    key = OKPKey.generate_key("Ed25519")
    for url in (
        "http://licenses.example.com",
        "ftp://localhost",
        "licenses.example.com",
        "http://localhost.example.com",
    ):
        with pytest.raises(ValueError, match="no https address"):
            client.Portal(url, key)
    for url in ("https://licenses.example.com", "http://localhost:8000", "http://[::1]:8000"):
        client.Portal(url, key)


def test_a_lost_answer_is_asked_for_again_with_the_same_document(
    scripted: Any, pauses: list[float], tmp_path: Path
) -> None:
    scripted.script += [None, (502, "text/html", {}, b"<p>"), None, STANDING]
    portal = portal_at(scripted, pauses)
    answer = published_client().deliver(tmp_path, portal, lambda: b"document", "CODE")
    assert (answer.license_file, answer.status) == (None, "not_licensed")
    assert [body for _path, _headers, body in scripted.calls] == [b"document"] * 4
    assert {headers["Registration-Code"] for _path, headers, _body in scripted.calls} == {"CODE"}
    # Longer every time, with a part that is drawn.
    assert [1 <= pauses[0] <= 2, 2 <= pauses[1] <= 4, 4 <= pauses[2] <= 8] == [True] * 3
    assert not list(tmp_path.iterdir())


def test_what_was_not_answered_is_sent_first_by_the_next_run(
    scripted: Any, pauses: list[float], tmp_path: Path
) -> None:
    client = published_client()
    portal = portal_at(scripted, pauses, tries=2)
    scripted.script += [None, None]
    with pytest.raises(client.NotAnswered, match="could not be reached"):
        client.deliver(tmp_path, portal, lambda: b"first")
    waiting = tmp_path / "unanswered.json"
    assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
    scripted.script += [(409, PROBLEM, {}, problem("older-sequence")), STANDING]
    assert client.deliver(tmp_path, portal, lambda: b"second").status == "not_licensed"
    assert [body for _path, _headers, body in scripted.calls] == [b"first", b"first", b"first", b"second"]
    assert not waiting.exists()


@pytest.mark.parametrize(
    ("status", "kind", "is_kept"),
    [
        (401, "registration-needed", True),
        (403, "identity-refused", False),
        (409, "older-sequence", False),
        (422, "document-refused", False),
    ],
)
def test_a_refusal_is_final_and_names_its_kind(
    scripted: Any, pauses: list[float], tmp_path: Path, status: int, kind: str, is_kept: bool
) -> None:
    client = published_client()
    scripted.script += [(status, PROBLEM, {}, problem(kind))]
    with pytest.raises(client.Refused) as refused:
        client.deliver(tmp_path, portal_at(scripted, pauses), lambda: b"document")
    assert (refused.value.kind, str(refused.value)) == (kind, f"{kind}.")
    assert pauses == []
    # Without a registration code the very same document can be sent again as soon as there is one.
    assert (tmp_path / "unanswered.json").exists() == is_kept


def test_it_waits_as_long_as_the_portal_says_but_not_for_hours(scripted: Any, pauses: list[float]) -> None:
    client = published_client()
    scripted.script += [
        (429, PROBLEM, {"Retry-After": "42"}, problem("too-many-calls")),
        (503, PROBLEM, {"Retry-After": "60"}, problem("no-signing-key")),
        STANDING,
        (429, PROBLEM, {"Retry-After": "3000"}, problem("too-many-calls")),
    ]
    portal = portal_at(scripted, pauses)
    portal.report(b"document")
    assert pauses == [42, 60]
    with pytest.raises(client.NotAnswered, match=r"too-many-calls\."):
        portal.report(b"document")
    assert pauses == [42, 60]


def test_it_never_goes_elsewhere_and_believes_no_other_answer(scripted: Any, pauses: list[float]) -> None:
    client = published_client()
    elsewhere = {"Location": f"{scripted.url}/elsewhere"}
    scripted.script += [(307, "text/html", elsewhere, b""), (200, "text/html", {}, b"<p>Sign in</p>")]
    portal = portal_at(scripted, pauses)
    for kind in ("http-307", "http-200"):
        with pytest.raises(client.Refused) as refused:
            portal.report(b"document")
        assert refused.value.kind == kind
    assert [path for path, _headers, _body in scripted.calls] == ["/api/v1/reports"] * 2


def test_many_clients_do_not_come_back_at_one_moment(scripted: Any) -> None:
    waits = set()
    for _system in range(20):
        pauses: list[float] = []
        scripted.script += [None, STANDING]
        portal_at(scripted, pauses).report(b"document")
        waits |= set(pauses)
    assert len(waits) > 15


@pytest.fixture
def joined(live_server: Any, tmp_path: Path, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command of a system against the portal; the lines that it printed."""
    monkeypatch.setattr(settings, "PORTAL_URL", "https://licenses.example.com")

    def run(capsys: pytest.CaptureFixture[str], *arguments: str, folder: str = "vessel") -> list[str]:
        capsys.readouterr()
        call_command("simulate_system", str(tmp_path / folder), "--online", live_server.url, *arguments)
        return capsys.readouterr().out.splitlines()

    return run


@pytest.mark.django_db(transaction=True)
def test_the_circle_by_the_command(
    joined: Any,
    books: Books,
    organization: Organization,
    administrator: User,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CommandError, match="belongs to no organization yet"):
        joined(capsys, "--devices", "core-device=3")
    code = code_for(organization, administrator)
    # What was not taken for want of a code goes first, then the report of now.
    said = joined(capsys, "--devices", "core-device=4", "--registration-code", code)
    assert said[0] == "License file 2 of Harbour Cameras, trial."
    assert said[1] == "core-device: 4 by trial, 0 more may be added, until 2027-03-31"
    assert list(Report.objects.order_by("pk").values_list("sequence", flat=True)) == [1, 2]
    assert RegistrationCode.objects.get().used == 1
    folder = tmp_path / "vessel"
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {"system.json": 0o600}
    # Nothing new: the same license file, and by a signed request, too.
    assert joined(capsys, "--devices", "core-device=4")[0].startswith("License file 2 of")
    assert joined(capsys, "--refresh")[0].startswith("License file 2 of")
    assert LicenseFile.objects.count() == 2
    # The portal's clock is half an hour ahead: the client says so, and signs with the portal's time.
    real = clock.real_now
    monkeypatch.setattr(clock, "real_now", lambda: real() + timedelta(minutes=30))
    said = joined(capsys, "--refresh")
    assert said[0].startswith("The portal's clock is ahead by 0:29:") or said[0].startswith(
        "The portal's clock is ahead by 0:30:"
    )
    assert said[1].startswith("License file 2 of")


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_was_lost_on_the_way_back_counts_once(
    joined: Any,
    books: Books,
    organization: Organization,
    administrator: User,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = published_client()
    once, lost = client.Portal._once, [OSError("reset")]

    def lose(self: Any, method: str, *arguments: Any) -> Any:
        answer = once(self, method, *arguments)
        if method == "POST" and lost:
            raise lost.pop()
        return answer

    monkeypatch.setattr(client.Portal, "_once", lose)
    monkeypatch.setattr(client.Portal.__init__, "__defaults__", (6, lambda seconds: None))
    code = code_for(organization, administrator)
    joined(capsys, "--devices", "core-device=3", "--registration-code", code)
    assert not lost
    assert (Report.objects.count(), LicenseFile.objects.count(), RegistrationCode.objects.get().used) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_copy_of_a_system_is_told_that_it_waits(
    joined: Any,
    books: Books,
    organization: Organization,
    administrator: User,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = code_for(organization, administrator)
    joined(capsys, "--devices", "core-device=3", "--registration-code", code)
    (tmp_path / "copy").mkdir()
    system_id = System.objects.get().system_id
    SimulatedSystem("Copy", "camera-station", system_id=system_id).save(tmp_path / "copy" / "system.json")
    said = joined(capsys, "--devices", "core-device=9", folder="copy")
    assert said[0].startswith("No license file (held). This system signs with another key")
    assert HeldReport.objects.count() == 1
    with pytest.raises(CommandError, match="not signed as a request of this system"):
        joined(capsys, "--refresh", folder="copy")


@pytest.mark.django_db(transaction=True)
def test_the_file_that_products_copy_runs_by_itself(
    live_server: Any,
    books: Books,
    organization: Organization,
    administrator: User,
    frozen_clock: FrozenClock,
    tmp_path: Path,
) -> None:
    frozen_clock.instant = clock.real_now()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        # Away from the portal's code: nothing of it is needed.
        return subprocess.run(
            [sys.executable, settings.BASE_DIR / "docs" / "online_client.py", "vessel", live_server.url, *arguments],
            cwd=tmp_path,
            env={},
            capture_output=True,
            text=True,
            check=False,
        )

    refused = run("--devices", "core-device=3")
    assert refused.returncode == 1
    assert "license file of before stays in use. This system belongs to no organization yet" in refused.stderr
    code = code_for(organization, administrator)
    took = run("--devices", "core-device=3", "--code", code)
    assert took.returncode == 0, took.stderr
    assert took.stdout.splitlines()[0].startswith("License file ")
    assert took.stdout.splitlines()[1].startswith("core-device: 3 by trial")
    assert run("--refresh").stdout == took.stdout
    assert DeviceCount.objects.get(license_type__code="core-device", until_on=None).quantity == 3
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "vessel").iterdir()}
    assert modes == {"system.json": 0o600, "license.json": 0o600}
    assert calling.REQUEST_TYP == "system-request-v1"
