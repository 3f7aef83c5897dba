"""The commands around system files and license files, as the person at the terminal meets them (R28, R29)."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import time
import uuid
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction

from hardware.catalogue import add_manufactured_unit, ensure_hardware_model
from hardware.errors import IssueLogBroken
from hardware.license_files import document_of, issue_license_file
from hardware.models import HardwareUnit, LicenseFile, Report
from hardware.reports import accept_report
from hardware.system_files import read_system_file
from licensemgr.core import signing_keys
from licensemgr.core.models import SigningKey
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Organization
from products.models import Product, System, SystemSource
from tests.conftest import FrozenClock
from tests.factories import Books, dump_books

pytestmark = pytest.mark.django_db
START = date(2027, 3, 1)


@pytest.fixture(autouse=True)
def _folder_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen_clock: FrozenClock) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path / "log")


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> list[str]:
    """The lines that a command prints."""
    capsys.readouterr()
    call_command(*map(str, arguments))
    return capsys.readouterr().out.splitlines()


def refusal(*arguments: Any) -> str:
    with pytest.raises(CommandError) as refused:
        call_command(*map(str, arguments))
    assert refused.value.returncode == 1
    return str(refused.value)


def carry(organization: Organization, document: bytes, on: date = START) -> System:
    """A system file to the portal."""
    report = accept_report(
        organization=organization,
        file=read_system_file(document),
        document=document,
        source=SystemSource.OFFLINE,
        actor=None,
        on=on,
    )
    return report.system


def fetch(system: System, path: Path, on: date = START) -> Path:
    """A license file back."""
    path.write_bytes(document_of(issue_license_file(system=system, actor=None, on=on)))
    return path


def write_jwks(path: Path) -> Path:
    path.write_text(json.dumps({"keys": signing_keys.public_keys()}), encoding="utf-8")
    return path


def test_the_whole_circle_by_the_reference_client(
    books: Books, frozen_clock: FrozenClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signing_keys.rotate()
    folder, jwks = tmp_path / "vessel", write_jwks(tmp_path / "jwks.json")
    said = run(
        capsys, "simulate_system", folder, "--name", "Vessel", "--jwks", jwks, "--devices", "core-device=12", "--list"
    )
    assert said[0].startswith("New system ")
    assert said[1] == f"System file: {folder}/system-1.json. Upload it in the Product list."
    assert stat.S_IMODE((folder / "system.json").stat().st_mode) == 0o600
    document = (folder / "system-1.json").read_bytes()
    assert [device.device_id for device in read_system_file(document).devices or ()][-1] == "core-device-000011"
    system = carry(books.organization, document)
    books.start(START)
    books.redeem(START, core=12)
    books.allocate(START, {"core": 12})
    first = fetch(system, tmp_path / "first.json")
    granted = [
        "License file 1 of Harbour Cameras, licensed.",
        "core-device: 12 by subscription, 12 more may be added, until 2028-02-29",
        "universal-device: 0 by subscription, 12 more may be added, until 2028-02-29",
    ]
    # Verifying asks nothing of the books: it would not notice that the portal lost its keys.
    kept = list(SigningKey.objects.values_list("pk", flat=True))
    SigningKey.objects.update(public="A" * 43)
    assert run(capsys, "simulate_system", folder, "--license-file", first) == granted
    assert len(kept) == 2


def test_what_the_reference_client_refuses(
    books: Books, frozen_clock: FrozenClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signing_keys.rotate()
    folder, jwks = tmp_path / "vessel", write_jwks(tmp_path / "jwks.json")
    run(capsys, "simulate_system", folder, "--devices", "core-device=2")
    system = carry(books.organization, (folder / "system-1.json").read_bytes())
    first = fetch(system, tmp_path / "first.json")
    assert "trusts no key yet" in refusal("simulate_system", folder, "--license-file", first)
    run(capsys, "simulate_system", folder, "--jwks", jwks)
    # The next key was announced in the first file: after the rotation nobody has to carry a JWKS again.
    run(capsys, "simulate_system", folder, "--license-file", first)
    for _time in range(2):
        signing_keys.rotate()
        newest = fetch(system, tmp_path / "newest.json")
        said = run(capsys, "simulate_system", folder, "--license-file", newest)
        assert said[1] == "core-device: 2 by trial, 0 more may be added, until 2027-03-31"
    kept = (folder / "system.json").read_bytes()
    says = "The license file is refused. "
    assert (
        refusal("simulate_system", folder, "--license-file", first) == says + "A newer license file was used already."
    )
    assert "clock of this system was turned back: it has seen 2027-03-01T12:00:00Z" in refusal(
        "simulate_system", folder, "--license-file", newest, "--now", "2027-03-01T11:59:59Z"
    )
    assert says + "The file expired at 2028-04-04T12:00:00Z" in refusal(
        "simulate_system", folder, "--license-file", newest, "--now", "2028-04-04T12:00:01Z"
    )
    altered = tmp_path / "altered.json"
    altered.write_bytes(newest.read_bytes().replace(b"A", b"B", 1))
    assert says in refusal("simulate_system", folder, "--license-file", altered)
    other = tmp_path / "other"
    assert "for another system" in refusal("simulate_system", other, "--jwks", jwks, "--license-file", first)
    assert "can't be read" in refusal("simulate_system", folder, "--license-file", tmp_path / "none.json")
    assert "no list of keys" in refusal("simulate_system", folder, "--jwks", newest)
    assert "goes with --unit" in refusal("simulate_system", folder, "--oak", "x")
    assert (folder / "system.json").read_bytes() == kept
    # Long after: the file is refused by nothing but its own dates.
    last = run(capsys, "simulate_system", folder, "--license-file", newest, "--now", "2027-04-01T00:00:00Z")
    assert last[1:] == ["On 2027-04-01 it grants nothing."]
    (folder / "system.json").write_text("{}")
    assert "not a system that was kept" in refusal("simulate_system", folder)


def test_the_reference_client_proves_its_unit(
    organization: Organization, camera_station: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_manufactured_unit(
        serial="AB-1", hardware_model=ensure_hardware_model(camera_station, {"core-device": 4}), oak="AAAAA-BBBBB"
    )
    unit = ("--unit", "AB-1", "--oak", "AAAAA-BBBBB")
    run(capsys, "simulate_system", tmp_path / "a", "--devices", "core-device=4", *unit, "--intent", "refresh")
    document = (tmp_path / "a" / "system-1.json").read_bytes()
    assert read_system_file(document).intent == "refresh"
    carry(organization, document)
    assert HardwareUnit.objects.get().serial == "AB-1"


def test_rotate_and_verify(
    organization: Organization, camera_station: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [signed_by] = run(capsys, "rotate_signing_key")
    assert signed_by == f"License files are signed by {signing_keys.current_key()[0]} from now on."
    offline = SimulatedSystem("Vessel", "camera-station")
    system = carry(organization, offline.system_file(at=FrozenClock(START).instant, counts={"core-device": 1}))
    file = fetch(system, tmp_path / "file.json")
    said = run(capsys, "verify_license_file", file)
    assert said[-3:] == ["in the books: yes", "newest file of its system: yes", "expired: no"]
    run(capsys, "rotate_signing_key")
    fetch(system, tmp_path / "newer.json")
    assert run(capsys, "verify_license_file", file)[-2] == "newest file of its system: no"
    file.write_bytes(file.read_bytes()[:-1])
    assert refusal("verify_license_file", file).startswith("This license file is not valid. The file was altered")
    assert "can't be read: No such file" in refusal("verify_license_file", tmp_path / "none.json")


def test_after_a_restored_backup_the_files_in_the_field_are_named(
    organization: Organization, camera_station: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    signing_keys.rotate()
    offline = SimulatedSystem("Vessel", "camera-station")
    now = FrozenClock(START).instant
    system = carry(organization, offline.system_file(at=now, counts={"core-device": 1}))
    known = issue_license_file(system=system, actor=None, on=START)
    # Everything after this point is what a restored backup does not know: the database goes back, the log does not.
    restoring = transaction.savepoint()
    carry(organization, offline.system_file(at=now, counts={"core-device": 2}))
    lost = issue_license_file(system=system, actor=None, on=START)
    transaction.savepoint_rollback(restoring)
    assert list(LicenseFile.objects.values_list("file_id", flat=True)) == [uuid.UUID(str(known.file_id))]
    log = settings.ISSUE_LOG_DIR / "issued-2027-03.jsonl"
    capsys.readouterr()
    assert "not in the books" in refusal("reconcile_issued", log)
    assert capsys.readouterr().out.splitlines() == [
        f"{lost.file_id}: system {system.system_id} of harbour, sequence 2, given 2027-03-01T12:00:00Z",
        "license files in the logs: 2",
        "unknown to the books: 1",
        "systems whose next file goes on from there: 1",
        "lines that can't be read: 0",
    ]
    # A file that the books know under another content is as good as unknown, and half a line spoils no other.
    first = json.loads(log.read_text().splitlines()[0])
    log.write_text(json.dumps(first | {"digest": "0" * 64}) + '\n\n{"file_id":\n[]\n' + json.dumps(first) + "\n")
    refusal("reconcile_issued", log)
    said = capsys.readouterr().out.splitlines()
    assert said[1:3] == [f"{log}, line 3: can't be read", f"{log}, line 4: can't be read"]
    assert said[3:5] == ["license files in the logs: 2", "unknown to the books: 1"]
    assert said[-1] == "lines that can't be read: 2"
    log.write_text(json.dumps(first) + "\n")
    assert run(capsys, "reconcile_issued", log)[1] == "unknown to the books: 0"
    assert "can't be read: No such file" in refusal("reconcile_issued", log.with_name("none.jsonl"))


def test_after_a_restored_backup_numbers_go_on_from_the_files_in_the_field(
    organization: Organization, camera_station: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    """A product refuses a file whose number is below that of the newest that it used (R29)."""
    signing_keys.rotate()
    known, joined = (SimulatedSystem(name, "camera-station") for name in ("Vessel", "Ferry"))
    now = FrozenClock(START).instant
    system = carry(organization, known.system_file(at=now, counts={"core-device": 1}))
    first = issue_license_file(system=system, actor=None, on=START)
    restoring = transaction.savepoint()
    for devices in (2, 3):
        carry(organization, known.system_file(at=now, counts={"core-device": devices}))
        issue_license_file(system=system, actor=None, on=START)
    issue_license_file(
        system=carry(organization, joined.system_file(at=now, counts={"core-device": 1})), actor=None, on=START
    )
    transaction.savepoint_rollback(restoring)
    # Nobody told the books yet: the system would get the file that it had before the last two.
    assert issue_license_file(system=system, actor=None, on=START, answers_report=False) == first
    for _time in range(2):
        refusal("reconcile_issued", settings.ISSUE_LOG_DIR / "issued-2027-03.jsonl")
        assert "systems whose next file goes on from there: 2" in capsys.readouterr().out
    again = issue_license_file(system=system, actor=None, on=START, answers_report=False)
    assert again.sequence == 4
    # From here on the books know more than they forgot.
    assert issue_license_file(system=system, actor=None, on=START, answers_report=False) == again
    anew = carry(organization, joined.system_file(at=now, counts={"core-device": 1}))
    assert issue_license_file(system=anew, actor=None, on=START).sequence == 2


def test_without_a_log_no_file_is_given(
    organization: Organization, camera_station: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing_keys.rotate()
    offline = SimulatedSystem("Vessel", "camera-station")
    system = carry(organization, offline.system_file(at=FrozenClock(START).instant, counts={"core-device": 1}))
    before = dump_books(organization)
    folder = settings.ISSUE_LOG_DIR
    # A file stands where the folder should be.
    folder.write_text("")
    with pytest.raises(IssueLogBroken, match=r"none was given\. Nothing was changed"):
        issue_license_file(system=system, actor=None, on=START)
    folder.unlink()
    # The disk is full.
    monkeypatch.setattr(os, "fsync", _fail)
    with pytest.raises(IssueLogBroken):
        issue_license_file(system=system, actor=None, on=START)
    assert not LicenseFile.objects.exists()
    assert dump_books(organization) == before
    assert Report.objects.count() == 1


def _fail(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_lines_of_several_processes_are_not_mixed(tmp_path: Path) -> None:
    """As of the web server's workers and of commands beside them."""
    names, at_least = [str(uuid.uuid4()) for _process in range(4)], 100
    log = tmp_path / "issued-2027-03.jsonl"
    environment = {**os.environ, "ISSUE_LOG_DIR": str(tmp_path)}
    with contextlib.ExitStack() as running:
        writers = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.hardware.log_writer", name],
                    cwd=settings.BASE_DIR,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for name in names
        ]
        assert [_said(writer) for writer in writers] == ["ready"] * len(names)
        for writer in writers:
            _tell(writer)
        # None of them stops before each has written that much, so they write at the same time.
        deadline = time.monotonic() + 60
        while not log.exists() or min(map(log.read_text().count, names)) < at_least:
            assert time.monotonic() < deadline
        for writer in writers:
            _tell(writer)
        written = {name: int(_said(writer)) for name, writer in zip(names, writers, strict=True)}
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert Counter(line["file_id"] for line in lines) == written


def _tell(writer: "subprocess.Popen[str]") -> None:
    assert writer.stdin is not None
    writer.stdin.write("\n")
    writer.stdin.flush()


def _said(writer: "subprocess.Popen[str]") -> str:
    assert writer.stdout is not None
    return writer.stdout.readline().strip()
