"""Logs and error reports: structured, with ids, and without a single secret (canaries through real requests, errors too)."""

import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sentry_sdk
from django.db import IntegrityError
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from licensemgr.core import logs, reporting
from licensemgr.core.scrubbing import REMOVED, scrub
from licensemgr.shop.models import Scope
from licensemgr.shop.tokens import make_token
from licensemgr.watching import watch_jobs
from organizations.models import Organization, User
from products.models import Product
from tests import factories
from tests.api.calls import code_for, post_report
from tests.conftest import FrozenClock

PASSWORD = "correct horse battery"
LINE = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the portal writes to its log, as JSON and for people, all levels."""
    stream = io.StringIO()
    handlers = [logging.StreamHandler(stream), logging.StreamHandler(stream)]
    handlers[0].setFormatter(logs.JsonFormatter())
    handlers[1].setFormatter(logs.PlainFormatter())
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    for handler in handlers:
        root.addHandler(handler)
    yield stream
    for handler in handlers:
        root.removeHandler(handler)
    root.setLevel(level)


def lines_of(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines() if line.startswith("{")]


@pytest.fixture
def sent() -> Iterator[list[Any]]:
    """What would be sent to Sentry."""
    envelopes: list[Any] = []

    class Kept(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            envelopes.append(envelope.get_event())

    reporting.start_reporting("https://public@sentry.example.com/1", environment="test", transport=Kept)
    yield envelopes
    sentry_sdk.get_global_scope().set_client(None)


@dataclass(frozen=True)
class Canary:
    """Something secret, and the request that brings it."""

    name: str
    secret: str
    send: Callable[[Client], Any]


@pytest.fixture
def canaries(
    organization: Organization, administrator: User, staff: User, camera_station: Product, frozen_clock: FrozenClock
) -> list[Canary]:
    factories.register(organization, camera_station, on=frozen_clock.today, core=2)
    key, code = factories.issue(camera_station, core=2), code_for(organization, administrator)
    token = make_token(name="Shop", scopes=[Scope.values[0]], days=7, actor=staff, form_token=uuid.uuid4()).token
    oak, link, code_of_mail = "7KQM-29XF-P4TB-WD8H", "kQ3vZr8_Wn5tXy2LbM7pHs4dFg6jKc9a", "914275"
    wallet = reverse("redeem_license_key", args=["harbour", "camera-station"])

    def sign_in(client: Client) -> Any:
        return client.post(reverse("account_login"), {"login": administrator.email, "password": PASSWORD})

    return [
        Canary("password", PASSWORD, sign_in),
        Canary("license key", key, lambda client: client.post(wallet, {"license_key": key})),
        Canary("license key in an address", key, lambda client: client.get(f"{wallet}?license_key={key}")),
        Canary("license key as a path", key, lambda client: client.get(f"/o/{key}/")),
        Canary(
            "owner authentication key",
            oak,
            lambda client: client.post(reverse("register_hardware", args=["harbour"]), {"serial": "UNIT1", "oak": oak}),
        ),
        Canary("registration code", code, lambda client: post_report(b"{}", code, client)),
        Canary(
            "shop token",
            token,
            lambda client: client.get("/api/v1/orders/keys?order=1", headers={"Authorization": f"Bearer {token}"}),
        ),
        Canary("invitation", link, lambda client: client.get(reverse("accept_invitation", args=[link]))),
        Canary(
            "link of a password reset",
            "c0ffee-" + link,
            lambda client: client.get(f"/accounts/password/reset/key/{1}-c0ffee-{link}/"),
        ),
        Canary(
            "mailed code",
            code_of_mail,
            lambda client: client.post(reverse("account_email_verification_sent"), {"code": code_of_mail}),
        ),
        Canary("token of a form", "w" * 64, lambda client: client.post(wallet, {"csrfmiddlewaretoken": "w" * 64})),
        Canary(
            "token of monitoring",
            "m0nitoring",
            lambda client: client.get("/metrics", headers={"Authorization": "Bearer m0nitoring"}),
        ),
    ]


@pytest.mark.parametrize("how", ["answered", "failing"])
def test_no_secret_is_logged_or_reported(
    canaries: list[Canary], administrator: User, written: io.StringIO, sent: list[Any], how: str, settings: Settings
) -> None:
    if how == "failing":
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.operations.exploding.ExplodingMiddleware"]
    for canary in canaries:
        client = Client(raise_request_exception=False)
        client.force_login(administrator)
        session = client.cookies["sessionid"].value
        answer = canary.send(client)
        assert (answer.status_code == 500) is (how == "failing"), canary.name
        everything = written.getvalue() + json.dumps(sent, default=str)
        assert everything.count(REMOVED) or how == "answered"
        for secret in (canary.secret, session):
            assert secret not in everything, canary.name
    assert len(sent) == (len(canaries) if how == "failing" else 0)


def test_each_line_has_the_ids_of_request_organization_and_person(
    administrator_client: Client, organization: Organization, administrator: User, written: io.StringIO
) -> None:
    answer = administrator_client.get(reverse("product_list", args=["harbour"]))
    [line] = [line for line in lines_of(written) if line["logger"] == "licensemgr.requests"]
    assert line["message"] == "GET /o/<slug:organization>/"
    assert line["request"] == answer["X-Request-ID"]
    assert (line["organization"], line["person"]) == (organization.pk, administrator.pk)
    assert (line["status"], line["level"]) == (200, "INFO")
    assert line["queries"] > 3
    assert line["time"].endswith("Z")
    assert f"request={line['request']} organization={organization.pk} person={administrator.pk}" in written.getvalue()


def test_an_error_is_one_report_with_the_ids_of_its_lines(
    administrator_client: Client,
    organization: Organization,
    administrator: User,
    written: io.StringIO,
    sent: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise IntegrityError("duplicate key value\nDETAIL:  Key (session_key)=(q8) already exists.")

    monkeypatch.setattr("licensemgr.portal.views.products.standings", fail, raising=False)
    monkeypatch.setattr("licensemgr.core.clock.today", fail)
    administrator_client.raise_request_exception = False
    answer = administrator_client.get(reverse("product_list", args=["harbour"]))
    assert answer.status_code == 500
    [event] = sent
    assert event["tags"]["request"] == answer["X-Request-ID"]
    assert event["tags"]["person"] == str(administrator.pk)
    assert set(event) <= {*reporting._NAMES_OF_EVENT, *reporting._CLEANED, "tags"}
    assert event["exception"]["values"][-1]["type"] == "IntegrityError"
    assert "q8" not in json.dumps(event) + written.getvalue()
    [failed] = [line for line in lines_of(written) if line["level"] == "ERROR"]
    assert "IntegrityError" in failed["exception"]
    assert failed["request"] == answer["X-Request-ID"]


def test_that_nobody_is_let_in_yet_is_no_error(client: Client, sent: list[Any], settings: Settings) -> None:
    settings.MAINTENANCE = True
    assert client.get("/privacy/").status_code == 503
    assert sent == []
    logging.getLogger("licensemgr.portal").error("The daily job refused to run.")
    assert len(sent) == 1


def test_the_proxys_id_of_a_request_stays_and_a_strangers_does_not(client: Client, settings: Settings) -> None:
    said = {"X-Request-ID": "0123456789abcdef"}
    assert client.get("/healthz", headers=said)["X-Request-ID"] != said["X-Request-ID"]
    import ipaddress

    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.1")]
    assert client.get("/healthz", headers=said)["X-Request-ID"] == said["X-Request-ID"]
    assert client.get("/healthz", headers={"X-Request-ID": "a b\tc"})["X-Request-ID"] != "a b\tc"


def test_lines_of_a_task_bear_its_name_and_id(written: io.StringIO) -> None:
    watch_jobs()
    logs.begin(request="1f", task="portal.run_daily")
    logging.getLogger("licensemgr.portal").warning("something")
    logs.begin()
    logging.getLogger("licensemgr.portal").warning("nothing")
    with logs.about(organization=7):
        logging.getLogger("licensemgr.portal").warning("within")
    first, second, third = lines_of(written)
    assert (first["request"], first["task"]) == ("1f", "portal.run_daily")
    assert "task" not in second
    assert third["organization"] == 7


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("The key 8F3K2-9QW7E-R5T6Y-1U2I3-O4P5A was refused", "8F3K2"),
        ("typed 8f3k2 9qw7e r5t6y 1u2i3 o4p5a", "9qw7e"),
        ("typed 8F3K29QW7ER5T6Y1U2I3O4P5A here", "8F3K2"),
        ("postgresql://portal:hunter2@db/portal", "hunter2"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("lms_abc and whsec_def+/=", "lms_abc"),
        ("{'password': 'hunter2'}", "hunter2"),
        ("sessionid=q8w7", "q8w7"),
        ("redis: DETAIL: Key (a)=(hunter2) exists.", "hunter2"),
        ("eyJhbGciOiJFZERTQSJ9.eyJhIjoxfQ.c2ln", "eyJ"),
        ("session 0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p ended", "0a1b2c3d"),
    ],
)
def test_what_looks_like_a_secret_is_removed(text: str, secret: str) -> None:
    assert secret not in scrub(text)
    assert REMOVED in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "The books of harbour-cameras could not be settled up to 2027-03-01.",
        "6f1c3f0e-7a55-4c3e-9d58-1f6b4a6f3c11",
        "licensemgr/portal/views/products.py, line 12, in test_the_failure_of_one_organization_stops_no_other",
        "DailyFigures(looked_at=1, settled=1, written=1, failed=('broken',))",
    ],
)
def test_what_helps_stays(text: str) -> None:
    assert scrub(text) == text


def test_a_body_that_nobody_read_stays_unread(rf: RequestFactory) -> None:
    request = rf.post("/", {"password": PASSWORD})
    assert scrub("nothing", request) == "nothing"
    assert not hasattr(request, "_post")


def test_without_a_dsn_nothing_is_started() -> None:
    reporting.start_reporting("", environment="test")
    assert not sentry_sdk.is_initialized() or sentry_sdk.get_client().dsn is None


def test_addresses_stand_as_their_pattern(client: Client, written: io.StringIO) -> None:
    assert client.get("/o/nobodys-business/wallet-of-x/?for=whom").status_code == 404
    for typed in ("nobodys-business", "wallet-of-x", "whom"):
        assert typed not in written.getvalue()
    assert "Not Found: /(no page)" in written.getvalue()
