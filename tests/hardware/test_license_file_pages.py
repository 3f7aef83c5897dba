"""Handing out license files, and what anybody may see: keys, schemas, verifying, readiness (R29)."""

import html
import io
import json
import uuid
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection
from django.http import StreamingHttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hardware import admin_files
from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.license_files import granted_to, verify_license_file
from hardware.license_listing import held_reports, license_file_states, offline_systems
from hardware.models import HeldReport, LicenseFile, Report, StagedFile
from hardware.registration_codes import make_code
from hardware.reports import decide_identity
from licensemgr.celery import make_folders
from licensemgr.core import signing_keys
from licensemgr.core.admin import InstanceAdmin, SigningKeyAdmin
from licensemgr.core.models import Instance, SigningKey
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Organization, User
from products.models import Product, System
from subscriptions.advice import format_date
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.hardware.offline import DAY, NOON, staged, system_file, vessel

pytestmark = pytest.mark.django_db
SLUG = "harbour"
Take = Callable[..., System]


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, books: Books) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


@pytest.fixture
def take(manager_client: Client) -> Take:
    """Upload and confirm a file of a system; the system as the portal knows it."""

    def upload(system: SimulatedSystem, **options: Any) -> System:
        manager_client.post(staged(manager_client, SLUG, system_file(system, **options)))
        return System.objects.select_related("registered_product__product", "organization").get(
            system_id=system.system_id
        )

    return upload


def download(client: Client, system: System) -> Any:
    return client.post(reverse("download_license_file", args=[SLUG, system.system_id]))


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def unzip(answer: Any) -> dict[str, str]:
    assert isinstance(answer, StreamingHttpResponse), answer.content
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_license_file_is_downloaded_and_the_same_one_again(
    take: Take, manager_client: Client, outsider_client: Client, viewer_client: Client, organization: Organization
) -> None:
    system = take(vessel("Quay 7, North"))
    first = download(manager_client, system)
    assert first.status_code == 200
    assert first["Content-Disposition"] == 'attachment; filename="license-quay-7-north-1.json"'
    assert "no-store" in first["Cache-Control"]
    assert download(manager_client, system).content == first.content
    assert LicenseFile.objects.count() == 1
    assert download(viewer_client, system).status_code == 403
    assert download(outsider_client, system).status_code == 404
    elsewhere = reverse("download_license_file", args=["other", system.system_id])
    assert outsider_client.post(elsewhere).status_code == 404


def test_another_tenants_system_is_404(
    take: Take, outsider_client: Client, other_organization: Organization, administrator_client: Client
) -> None:
    system = take(vessel(), core=1)
    for name in ("download_license_file", "system_identity"):
        for client, slug, status in ((outsider_client, "other", 404), (administrator_client, SLUG, 200)):
            method = client.post if name == "download_license_file" else client.get
            assert method(reverse(name, args=[slug, system.system_id])).status_code == status
    assert LicenseFile.objects.count() == 1


def test_where_there_is_none_a_sentence_says_why_and_what_to_do(
    take: Take,
    books: Books,
    manager_client: Client,
    organization: Organization,
    frozen_clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = download(manager_client, books.report(DAY, system="Online", core=1))
    assert answer.status_code == 409
    assert "has sent no system file yet" in text(answer)
    system = take(vessel())
    SigningKey.objects.all().delete()
    for answer in (download(manager_client, system), manager_client.post(reverse("all_license_files", args=[SLUG]))):
        assert answer.status_code == 503
        assert "can&#x27;t be signed at the moment" in text(answer)
    assert not LicenseFile.objects.exists()
    signing_keys.rotate()
    # The trial's last day is 31 March.
    frozen_clock.move_to(DAY + timedelta(days=31))
    answer = download(manager_client, system)
    assert answer.status_code == 409
    assert "Start your subscription" in text(answer)


def test_a_zip_of_all_offline_systems_lists_those_that_got_none(
    take: Take, books: Books, manager_client: Client, outsider_client: Client, organization: Organization
) -> None:
    all_files = reverse("all_license_files", args=[SLUG])
    assert manager_client.post(all_files).status_code == 409
    take(vessel("Twin"))
    take(vessel("Twin"))
    empty = vessel("Audio", product="audio-manager").system_file(at=NOON, counts={"audio-device": 2})
    manager_client.post(staged(manager_client, SLUG, empty))
    books.report(DAY, system="Online", core=5)
    found = unzip(manager_client.post(all_files))
    [left_out] = [found.pop(name) for name in list(found) if name.endswith(".txt")]
    assert len(found) == 2
    assert "license-twin-1.json" in found
    assert "Audio (" in left_out
    assert "Start your subscription" in left_out
    assert "Online" not in left_out
    assert LicenseFile.objects.count() == 2
    # Of an upload only its own.
    address = staged(manager_client, SLUG, system_file(vessel("Third")))
    manager_client.post(address)
    assert list(unzip(manager_client.post(f"{address}license-files.zip"))) == ["license-third-1.json"]


def test_states_are_read_in_a_constant_number_of_queries_and_say_what_is_stale(
    take: Take,
    books: Books,
    manager_client: Client,
    camera_station: Product,
    organization: Organization,
    django_assert_num_queries: Any,
) -> None:
    model = ensure_hardware_model(camera_station, {"core-device": 8})
    add_manufactured_unit(serial="AB-1", hardware_model=model, oak="oak-1")
    fields = [vessel("One"), vessel("Two"), vessel("Tied", serial="AB-1", oak="oak-1")]
    one, _two, tied = systems = [take(field) for field in fields]
    online = books.report(DAY, system="Online", core=1)
    states = license_file_states(organization, [*systems, online], DAY)
    assert [state.is_shown for state in states.values()] == [True, True, True, False]
    assert [state.is_possible for state in states.values()] == [True, True, True, False]
    assert states[one.pk].latest is None
    for system in systems:
        download(manager_client, system)
        assert license_file_states(organization, [system], DAY)[system.pk].granted == granted_to(system, DAY)
    states = license_file_states(organization, systems, DAY)
    assert [(state.latest.sequence, state.stale) for state in states.values() if state.latest] == [(1, "")] * 3
    take(fields[0], core=9)
    books.start(DAY)
    take(fields[2], core=9)
    states = license_file_states(organization, systems, DAY)
    assert states[one.pk].stale == "it is licensed by the subscription now"
    assert states[tied.pk].stale == "nothing is granted any more"
    assert "lacks expansion licenses" in states[tied.pk].refusal
    cell = "hardware/files/_license_file_cell.html"
    context = {"organization": organization, "may": {"manage_systems": True}}
    shown = render_to_string(cell, context | {"state": states[one.pk]})
    assert "A newer license file is needed: it is licensed by the subscription now." in shown
    assert "No. 1, given March 1, 2027" in shown
    assert reverse("download_license_file", args=[SLUG, one.system_id]) in shown
    assert "<form" not in render_to_string(cell, context | {"state": states[tied.pk]})
    assert "<form" not in render_to_string(cell, context | {"may": {}, "state": states[one.pk]})
    assert reverse("all_license_files", args=[SLUG]) in render_to_string(
        "hardware/files/_all_license_files.html", context
    )
    download(manager_client, one)
    assert license_file_states(organization, [one], DAY)[one.pk].stale == ""
    take(fields[0], core=4)
    assert "number of licensed devices" in license_file_states(organization, [one], DAY)[one.pk].stale
    few = offline_systems(organization)
    with CaptureQueriesContext(connection) as before:
        license_file_states(organization, few, DAY)
    queries = len(before)
    for number in range(5):
        take(vessel(f"More {number}"))
    many = offline_systems(organization)
    assert len(many) == len(few) + 5
    with django_assert_num_queries(queries):
        license_file_states(organization, many, DAY)


def test_a_file_for_the_key_of_before_is_stale_once_the_new_key_is_accepted(
    take: Take,
    manager_client: Client,
    organization: Organization,
    administrator: User,
    django_assert_num_queries: Any,
) -> None:
    """R28, R29: the same devices under a new key, so the grants are the same, and yet the file is of no use."""
    original, other = vessel(), vessel("Other")
    system, beside = take(original), take(other)
    files = [download(manager_client, each).content for each in (system, beside)]
    renewed = vessel(system_id=original.system_id)
    take(renewed)
    with CaptureQueriesContext(connection) as before:
        assert license_file_states(organization, [system], DAY)[system.pk].stale == ""
    decide_identity(held=HeldReport.objects.get(), accept=True, actor=administrator, on=DAY)
    with django_assert_num_queries(len(before)):
        states = license_file_states(organization, [system, beside], DAY)
    assert states[system.pk].stale == "the system signs with a new key now"
    assert states[beside.pk].stale == ""
    setup = reverse("system_setup", args=[SLUG, "camera-station"])
    assert "A newer license file is needed: the system signs with a new key now." in text(manager_client.get(setup))
    newer = download(manager_client, system).content
    assert newer != files[0]
    assert verify_license_file(newer, NOON).payload["key"] == renewed.key.thumbprint()
    assert license_file_states(organization, [system], DAY)[system.pk].stale == ""
    assert download(manager_client, beside).content == files[1]


def test_held_reports_are_listed_by_product(take: Take, manager_client: Client, organization: Organization) -> None:
    original = vessel()
    system = take(original)
    take(vessel(system_id=original.system_id), core=9)
    assert [held.system for held in held_reports(system.registered_product)] == [system]
    context = {"organization": organization, "held": held_reports(system.registered_product)}
    page = reverse("system_identity", args=[SLUG, system.system_id])
    notice = "hardware/files/_held_reports.html"
    assert page in render_to_string(notice, context | {"may": {"administer": True}})
    assert page not in render_to_string(notice, context | {"may": {}})
    shown = render_to_string(notice, context | {"may": {}})
    assert "1 system signs with another key" in shown
    assert "Its last report was not taken." in shown
    second = vessel("Second")
    take(second)
    take(vessel("Second", system_id=second.system_id))
    two = {"organization": organization, "held": held_reports(system.registered_product), "may": {}}
    shown = render_to_string(notice, two)
    assert "2 systems sign with another key" in shown
    assert "Their last reports were not taken." in shown
    HeldReport.objects.update(decision="refused")
    assert held_reports(system.registered_product) == []


class TestPublic:
    def test_keys_are_public_and_private_parts_are_not(self, anonymous_client: Client) -> None:
        signing_keys.rotate()
        answer = anonymous_client.get("/.well-known/jwks.json")
        found = json.loads(answer.content)["keys"]
        assert [key["kid"] for key in found] == list(SigningKey.objects.order_by("pk").values_list("kid", flat=True))
        assert {name for key in found for name in key} == {"kty", "crv", "x", "kid", "use", "alg"}

    def test_schemas_are_served_as_they_stand_in_the_docs(self, anonymous_client: Client) -> None:
        for name in ("license-file-1", "system-description-1"):
            served = anonymous_client.get(f"/schemas/{name}.json")
            assert served.content == (settings.BASE_DIR / "docs" / "schemas" / f"{name}.json").read_bytes()
        assert anonymous_client.get("/schemas/no-such.json").status_code == 404
        assert anonymous_client.get("/schemas/../settings.json").status_code == 404

    def test_readiness_names_what_fails(self, anonymous_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        make_folders()
        sound = {"database": "ok", "cache": "ok", "broker": "ok", "signing key": "ok"}
        answer = anonymous_client.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {**sound, "minutes since the daily run": None})
        # A secret that does not open the key.
        with monkeypatch.context() as patched:
            patched.setattr(settings, "ENCRYPTION_SECRET", "another secret")
            answer = anonymous_client.get("/readyz")
            assert (answer.status_code, answer.json()["signing key"]) == (503, "failed")
        SigningKey.objects.all().delete()
        assert anonymous_client.get("/readyz").json()["signing key"] == "failed"

        def fail(*args: Any, **options: Any) -> None:
            raise DatabaseError("a sentence with secrets")

        monkeypatch.setattr(cache, "set", fail)
        answer = anonymous_client.get("/readyz")
        assert {name for name, said in answer.json().items() if said == "failed"} == {"cache", "signing key"}

    def test_anybody_verifies_a_file(
        self, take: Take, manager_client: Client, anonymous_client: Client, frozen_clock: FrozenClock, books: Books
    ) -> None:
        system = take(vessel())
        first = download(manager_client, system).content
        page = reverse("verify")
        answer = anonymous_client.post(page, {"file": SimpleUploadedFile("license.json", first)})
        assert answer.status_code == 200
        for words in ("is valid", "Harbour Cameras", str(system.system_id), "core-device", "2027-03-31", "Newest file"):
            assert words in text(answer)
        books.start(DAY)
        second = download(manager_client, system).content
        assert "Superseded" in text(anonymous_client.post(page, {"text": first.decode()}))
        frozen_clock.move_to(DAY + timedelta(days=settings.LICENSE_FILE_DAYS + 1))
        assert "Expired" in text(anonymous_client.post(page, {"text": second.decode()}))
        altered = first.replace(b'"payload":"e', b'"payload":"f')
        answer = anonymous_client.post(page, {"text": altered.decode()})
        assert answer.status_code == 422
        assert "is not valid" in text(answer)
        assert "Harbour" not in text(answer)
        # Another portal's key.
        SigningKey.objects.all().delete()
        signing_keys.rotate()
        assert "not one of this portal" in text(anonymous_client.post(page, {"text": first.decode()}))

    def test_what_is_no_license_file_is_refused_and_too_many_are_not_looked_at(
        self, anonymous_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = reverse("verify")
        assert anonymous_client.get(page).status_code == 200
        assert anonymous_client.post(page).status_code == 422
        large = [SimpleUploadedFile("license.json", b"x" * size) for size in (1024 * 1024 + 1, 2 * 1024 * 1024 + 1)]
        assert [anonymous_client.post(page, {"file": file}).status_code for file in large] == [413, 413]
        bodies = ["{}", "[" * 100_000, '{"payload":1}', "\x00", "null"]
        assert {anonymous_client.post(page, {"text": body}).status_code for body in bodies} == {422}
        answers = [anonymous_client.post(page, {"text": "{}"}).status_code for _try in range(27)]
        assert answers[:20] == [422] * 20
        assert answers[-1] == 429

    def test_those_who_share_a_network_of_ipv6_share_its_limit(self, anonymous_client: Client) -> None:
        def answer(address: str) -> int:
            return anonymous_client.post(reverse("verify"), {"text": "{}"}, REMOTE_ADDR=address).status_code

        # A subscriber has a network of 64 bits, and with it as many addresses as one likes.
        answers = [answer(f"2001:db8:0:7:{number:x}::1") for number in range(40)]
        assert answers == [422] * 30 + [429] * 10
        assert answer("2001:db8:0:8::1") == 422
        assert answer("192.0.2.1") == 422


def test_the_admin_site_shows_no_private_part(staff: Any, rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = staff
    for model, kind, hidden in (
        (SigningKey, SigningKeyAdmin, "sealed"),
        (Instance, InstanceAdmin, ""),
        (Report, admin_files.ReportAdmin, ""),
        (HeldReport, admin_files.HeldReportAdmin, "packed"),
        (LicenseFile, admin_files.LicenseFileAdmin, "packed"),
        (StagedFile, admin_files.StagedFileAdmin, "packed"),
    ):
        site = admin.site._registry[model]
        assert type(site) is kind
        assert not (site.has_add_permission(request) or site.has_change_permission(request))
        assert not site.has_delete_permission(request)
        assert hidden not in site.get_fields(request)


def test_the_page_of_terms_tells_of_keys_files_and_codes_in_the_organizations_own(
    take: Take, books: Books, manager: User, manager_client: Client, organization: Organization
) -> None:
    address = reverse("terms", args=[SLUG])
    assert "Your newest one" not in text(manager_client.get(address))
    system = take(vessel())
    assert download(manager_client, system).status_code == 200
    with CaptureQueriesContext(connection) as few:
        manager_client.get(address)
    books.redeem(DAY, core=9)
    books.start(DAY)
    take(vessel("Barge"))
    make_code(organization=organization, label="Pier", days=7, uses=2, form_token=uuid.uuid4(), actor=manager, on=DAY)
    with CaptureQueriesContext(connection) as more:
        told = html.unescape(text(manager_client.get(address)))
    day = format_date(DAY)
    for said in (
        f"Your last one was redeemed on {day}, for Camera Station.",
        "You have 2.",
        f"Your newest one, of Barge, was accepted on {day}.",
        f"Your newest one, for Vessel, is of {day}.",
        "The license file of Vessel is stale: it is licensed by the subscription now.",
        "Of your newest codes 1 is open.",
    ):
        assert said in told, said
    # Neither does the number of queries grow with what there is.
    assert len(more) <= len(few) + 4
