"""The pages of system files: upload, the page before Confirm, Confirm, what is still to do, another key (R5, R24, R28, R30)."""

import io
import re
import struct
import tracemalloc
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hardware import receiving, unpacking
from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.models import HardwareUnit, HeldReport, Report, StagedFile
from history.models import Action, Record
from licensemgr.core import signed, signing_keys
from organizations.models import Organization
from products.models import DeviceCount, Product, RegisteredProduct, System
from tests.factories import Books
from tests.hardware.offline import DAY, NOON, send, staged, system_file, vessel, zip_of

pytestmark = pytest.mark.django_db
SLUG = "harbour"
LIMIT = signed.MAXIMUM_BYTES


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, books: Books) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


def text(answer: Any) -> str:
    # Without the links of numbers that tell where they come from.
    return " ".join(re.sub(r'<a class="why"[^>]*>(.*?)</a>', r"\1", answer.content.decode()).split())


def nothing_changed() -> bool:
    return not (Report.objects.exists() or System.objects.exists() or HeldReport.objects.exists())


def test_a_file_is_shown_confirmed_once_and_then_says_what_is_still_to_do(
    books: Books, manager_client: Client, organization: Organization
) -> None:
    page = text(manager_client.get(reverse("upload_system_file", args=[SLUG])))
    assert page.index("no way of transferring licenses") < page.index('type="file"')
    address = staged(manager_client, SLUG, system_file(vessel(), core=3))
    shown = text(manager_client.get(address))
    for words in (
        "Harbour Cameras",
        "Vessel",
        "New system",
        "is registered by this file",
        "file-1.json",
        "0 → 3",
        "+3",
    ):
        assert words in shown
    assert nothing_changed()
    done = manager_client.post(address)
    assert (done.status_code, done["Location"]) == (303, f"{address}done/")
    # A double click, and the way back, count once.
    assert manager_client.post(address)["Location"] == done["Location"]
    assert Report.objects.count() == 1
    assert "There is nothing to confirm" in text(manager_client.get(address))
    after = text(manager_client.get(done["Location"]))
    # A trial: the license file is there, and the subscription is still to be started.
    for words in ("1 system is up to date", "Trial", "Start your subscription", "Download license file"):
        assert words in after
    books.start(DAY)
    assert "Subscription has started" in text(manager_client.get(done["Location"]))


def test_devices_are_compared_one_by_one_and_with_the_current_need(
    books: Books, manager_client: Client, organization: Organization
) -> None:
    system = vessel()

    def listed(*numbers: range) -> bytes:
        devices = [(f"camera-{number:03}", "M1", "core-device") for found in numbers for number in found]
        return system.system_file(at=NOON, devices=devices)

    manager_client.post(staged(manager_client, SLUG, listed(range(10))))
    books.start(DAY)
    books.redeem(DAY, core=10)
    books.allocate(DAY, {"core": 10})
    # 35 devices in a year of 10 with an allowance of 10: 15 have to be allocated, so the need is 25 (R12).
    shown = text(manager_client.get(staged(manager_client, SLUG, listed(range(5, 40)))))
    for words in (
        "30 devices added",
        "5 devices removed",
        "camera-010, camera-011",
        "and 10 more",
        "camera-004",
        "10 → 25",
    ):
        assert words in shown
    assert "camera-030" not in shown
    # Fewer devices lower what is needed, never what is allocated (R14).
    answer = manager_client.get(staged(manager_client, SLUG, listed(range(4))))
    assert "stays 10" in text(answer)
    # What the books say is explained: the system's devices, and what the product needs.
    links = re.findall(r'/why/([a-z-]+)/\?[^"]*type=core-device" data-why="10"', answer.content.decode())
    assert sorted(links) == ["need", "system"]


def test_a_unit_is_registered_by_proof_remembered_or_left(
    manager_client: Client, organization: Organization, camera_station: Product
) -> None:
    model = ensure_hardware_model(camera_station, {"core-device": 8})
    add_manufactured_unit(serial="AB-1", hardware_model=model, oak="oak-1")
    system = vessel(serial="AB-1", oak="wrong")
    address = staged(manager_client, SLUG, system_file(system, core=9))
    assert "not registered here. It is remembered" in text(manager_client.get(address))
    manager_client.post(address)
    system.oak = "oak-1"
    address = staged(manager_client, SLUG, system_file(system, core=9))
    shown = text(manager_client.get(address))
    assert "the file proves that the unit is yours" in shown
    # Tied: nine devices less count for the subscription.
    assert "9 → 0" in shown
    assert not HardwareUnit.objects.exists()
    after = text(manager_client.get(manager_client.post(address)["Location"]))
    assert HardwareUnit.objects.get().serial == "AB-1"
    # Eight licenses, nine devices.
    assert "lacks expansion licenses" in after
    assert "Download license file" not in after
    system.serial = ""
    assert "On no hardware unit any more" in text(
        manager_client.get(staged(manager_client, SLUG, system_file(system, core=9)))
    )


def test_refusals_name_the_place_and_leave_the_others_alone(
    manager_client: Client, other_organization: Organization, organization: Organization
) -> None:
    stolen = vessel("Elsewhere")
    Books(other_organization).report(DAY, system="Elsewhere", core=1)
    stolen.system_id = Books(other_organization).system_id("Elsewhere")
    files = [
        b"\x89PNG",
        b"",
        system_file(vessel(product="no-such-product")),
        vessel().system_file(at=NOON, counts={"audio-device": 1}),
        vessel().system_file(at=NOON, devices=[("a", "M", "core-device"), ("a", "M", "core-device")]),
        system_file(stolen),
        system_file(vessel("Good"))[:-5],
        system_file(vessel("Good")),
    ]
    address = staged(manager_client, SLUG, *files)
    shown = text(manager_client.get(address))
    for words in (
        "At system.product",
        "audio-device",
        "devices[1].id",
        "is listed twice",
        "is not UTF-8",
        "is not JSON",
    ):
        assert words in shown
    # Neither learns anything of the other (R5).
    assert "Other Port" not in shown
    after = text(manager_client.get(manager_client.post(address)["Location"]))
    assert "1 system is up to date" in after
    assert "Not accepted" in after
    assert [report.system.name for report in Report.objects.all()] == ["Good"]


def test_an_older_file_is_accepted_once_by_an_administrator_only(
    manager_client: Client, administrator_client: Client, organization: Organization
) -> None:
    system = vessel()
    first, second = system_file(system, core=1), system_file(system, core=2)
    manager_client.post(staged(manager_client, SLUG, second))
    address = staged(manager_client, SLUG, first)
    shown = text(manager_client.get(address))
    assert "an administrator can accept it once" in shown
    assert 'name="restored"' not in shown
    assert "one with 2 was accepted already" in text(
        manager_client.get(manager_client.post(address, {"restored": "1"})["Location"])
    )
    assert Report.objects.count() == 1
    address = staged(administrator_client, SLUG, first)
    assert 'name="restored"' in text(administrator_client.get(address))
    administrator_client.post(address)
    assert Report.objects.count() == 1
    assert administrator_client.post(address, {"restored": ["x"]}).status_code == 422
    administrator_client.post(address, {"restored": ["1"]})
    assert Report.objects.count() == 2
    assert Record.objects.filter(organization=organization, action=Action.REPORT_RESTORED).count() == 1
    assert DeviceCount.objects.get(until_on=None, quantity__gt=0).quantity == 1


def test_another_key_waits_for_an_administrators_decision(
    manager_client: Client, administrator_client: Client, organization: Organization
) -> None:
    original = vessel()
    manager_client.post(staged(manager_client, SLUG, system_file(original, core=1)))
    copy = vessel(system_id=original.system_id)
    address = staged(manager_client, SLUG, system_file(copy, core=7))
    assert "Confirm hands it to your administrators" in text(manager_client.get(address))
    after = text(manager_client.get(manager_client.post(address)["Location"]))
    assert "For an administrator to decide" in after
    page = reverse("system_identity", args=[SLUG, original.system_id])
    assert page not in after
    assert manager_client.get(page).status_code == 403
    shown = text(administrator_client.get(page))
    for words in (original.key.thumbprint(), copy.key.thumbprint(), "newly installed", "it is a copy"):
        assert words in shown
    held = HeldReport.objects.get()
    assert administrator_client.post(page, {"held": held.pk}).status_code == 422
    assert administrator_client.post(page, {"held": held.pk + 1, "decision": "accepted"}).status_code == 422
    assert Report.objects.count() == 1
    assert administrator_client.post(page, {"held": held.pk, "decision": "refused"}).status_code == 303
    assert "Nothing to decide" in text(administrator_client.get(page))
    # The very same file is not asked about again; a new one is.
    address = staged(manager_client, SLUG, system_file(copy, core=8))
    manager_client.post(address)
    held = HeldReport.objects.get(decision="")
    for _twice in range(2):
        assert administrator_client.post(page, {"held": held.pk, "decision": "accepted"}).status_code == 303
    assert Report.objects.count() == 2
    assert DeviceCount.objects.get(until_on=None, quantity__gt=0).quantity == 8


def test_an_upload_belongs_to_its_person_its_organization_and_its_hour(
    monkeypatch: pytest.MonkeyPatch,
    manager_client: Client,
    administrator_client: Client,
    outsider_client: Client,
    organization: Organization,
) -> None:
    address = staged(manager_client, SLUG, system_file(vessel()))
    for suffix in ("", "done/"):
        assert administrator_client.get(address + suffix).status_code == 404
        assert outsider_client.get(address.replace(SLUG, "other") + suffix).status_code == 404
        assert outsider_client.get(address + suffix).status_code == 404
    assert administrator_client.post(address).status_code == 404
    assert outsider_client.post(address.replace(SLUG, "other")).status_code == 404
    assert outsider_client.post(f"{address}license-files.zip".replace(SLUG, "other")).status_code == 404
    assert manager_client.get(reverse("confirm_system_files", args=[SLUG, uuid.uuid4()])).status_code == 404
    StagedFile.objects.update(expires_at=StagedFile.objects.get().uploaded_at)
    for method in ("get", "post"):
        expired = getattr(manager_client, method)(address)
        assert expired.status_code == 410
        assert "waited for more than an hour" in text(expired)
    # The next upload empties it, and one a week later forgets it.
    staged(manager_client, SLUG, system_file(vessel()))
    assert bytes(StagedFile.objects.order_by("pk")[0].packed) == b""
    assert manager_client.get(address).status_code == 410
    StagedFile.objects.update(expires_at=StagedFile.objects.order_by("pk")[0].uploaded_at - timedelta(days=8))
    staged(manager_client, SLUG, system_file(vessel()))
    assert manager_client.get(address).status_code == 404
    assert nothing_changed()


class TestLimits:
    def test_no_file_and_too_many(
        self, manager_client: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = send(manager_client, SLUG)
        assert answer.status_code == 422
        assert "No file was chosen" in text(answer)
        answer = send(manager_client, SLUG, *[b"{}"] * 201)
        assert answer.status_code == 413
        assert "At most 200 files" in text(answer)
        answer = send(manager_client, SLUG, zip_of({f"{number}.json": b"{}" for number in range(201)}))
        assert answer.status_code == 413
        assert "The zip holds 201 files" in text(answer)
        # A zip beside single files counts with them.
        answer = send(manager_client, SLUG, b"{}", zip_of({f"{number}.json": b"{}" for number in range(200)}))
        assert answer.status_code == 413
        assert not StagedFile.objects.exists()
        assert send(manager_client, SLUG, *[b"{}"] * 200).status_code == 303

    def test_a_body_that_is_too_large_is_not_read(
        self, manager_client: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(receiving, "_FRAME_BYTES", 1000)
        monkeypatch.setattr(receiving, "MAXIMUM_UNPACKED", 1000)
        received: list[int] = []
        monkeypatch.setattr(
            receiving.SystemFileUploadHandler,
            "receive_data_chunk",
            lambda self, data, start: received.append(len(data)),
        )
        answer = send(manager_client, SLUG, b"x" * 3000)
        assert answer.status_code == 413
        assert "100 MiB together" in text(answer)
        assert received == []

    def test_a_stranger_sends_in_vain(
        self, outsider_client: Client, anonymous_client: Client, organization: Organization, monkeypatch: Any
    ) -> None:
        received: list[int] = []
        monkeypatch.setattr(
            receiving.SystemFileUploadHandler,
            "receive_data_chunk",
            lambda self, data, start: received.append(len(data)),
        )
        assert send(outsider_client, SLUG, b"x").status_code == 404
        assert send(anonymous_client, SLUG, b"x").status_code == 302
        assert received == []

    def test_files_of_another_field_and_the_token_do_no_harm(
        self, manager: Any, organization: Organization, manager_client: Client
    ) -> None:
        last = io.BytesIO(b"x")
        last.name = "last.bin"
        address = send(manager_client, SLUG, system_file(vessel()), zz_other=last)["Location"]
        assert "Vessel" in text(manager_client.get(address))
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(manager, backend=settings.AUTHENTICATION_BACKENDS[0])
        assert send(strict, SLUG, system_file(vessel())).status_code == 403
        page = strict.get(reverse("upload_system_file", args=[SLUG]))
        token = page.context["csrf_token"]
        assert send(strict, SLUG, system_file(vessel()), csrfmiddlewaretoken=str(token)).status_code == 303

    def test_a_file_of_more_than_20_mib_is_refused_by_itself(
        self, manager_client: Client, organization: Organization
    ) -> None:
        address = staged(manager_client, SLUG, b"x" * (LIMIT + 1), system_file(vessel()))
        shown = text(manager_client.get(address))
        assert "The file is larger than 20 MiB" in shown
        assert "Vessel" in shown


class TestZips:
    def test_files_in_a_zip_are_files(self, manager_client: Client, organization: Organization) -> None:
        packed = zip_of(
            {"a.json": system_file(vessel("Red")), "folder/": b"", "folder/b.json": system_file(vessel("Blue"))}
        )
        after = text(manager_client.get(manager_client.post(staged(manager_client, SLUG, packed))["Location"]))
        assert "2 systems are up to date" in after
        assert "Download all license files" in after
        assert RegisteredProduct.objects.count() == 1

    def test_bombs_nesting_and_damage_are_refused_in_little_memory(
        self, manager_client: Client, organization: Organization
    ) -> None:
        good = zip_of({"a.json": system_file(vessel())})
        nested = zip_of({"inner.zip": good})
        bomb = zip_of({"a.json": b"0" * (LIMIT + 10)})
        bad_name = zip_of({"\u00e9.json": b"{}"}).replace("é".encode(), b"\xff\xfe")
        encrypted = bytearray(good)
        # The flag “encrypted”, in both headers.
        encrypted[6] |= 1
        encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
        # It says that its list of entries is as long as the file.
        liar = bytearray(good)
        struct.pack_into("<L", liar, good.rindex(b"PK\x05\x06") + 12, 2**31)
        lzma = zip_of({"a.json": b"{}"}, zipfile.ZIP_LZMA)
        damaged = [good[:-30], good[:60] + b"!!!" + good[63:], bad_name, bytes(encrypted), bytes(liar), lzma, good[:4]]
        address = staged(manager_client, SLUG, nested, bomb, *damaged)
        shown = text(manager_client.get(address))
        assert "A zip within a zip is not opened" in shown
        assert "larger than 20 MiB" in shown
        assert shown.count("The zip can&#x27;t be read") == len(damaged)
        assert "There is nothing to confirm" in shown

    def test_a_bomb_of_many_large_files_is_refused_whole(
        self, manager_client: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        packed = zip_of({f"{number}.json": b"0" * (LIMIT + 1) for number in range(6)})
        assert len(packed) < 1_000_000
        tracemalloc.start()
        answer = send(manager_client, SLUG, packed)
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert answer.status_code == 413
        assert most < 3.5 * LIMIT
        assert not StagedFile.objects.exists()

    def test_a_directory_of_a_million_entries_is_not_read(self) -> None:
        entries = b"PK\x01\x02" + b"\0" * 42
        content = b"PK\x03\x04" + entries * 50_000
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(content) - 4, 4, 0)
        [found] = unpacking.unpack_uploads([unpacking.Upload("x.zip", io.BytesIO(content + end), len(content + end))])
        assert "can't be read" in found.refusal
