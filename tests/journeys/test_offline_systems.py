"""The source's list “License offline systems”, until the downloaded license file verifies at the system; and the pages' looks."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from licensemgr.core import signing_keys
from organizations.models import Organization
from products.models import Product
from tests.factories import Books, issue
from tests.hardware.offline import system_file, vessel
from tests.journeys.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path / "log")
    signing_keys.rotate()


def test_license_offline_systems(
    books: Books, by_hand: Visitor, organization: Organization, camera_station: Product, tmp_path: Path
) -> None:
    """Choose the organization, click Upload system file, follow the instructions, license it, carry the file back."""
    system = vessel("Vessel")
    path = tmp_path / "system-1.json"
    path.write_bytes(system_file(system, core=10))
    visitor = by_hand.open("my_systems").choose_organization(organization.name)
    visitor.hand.press(visitor.link("Upload system file").first)
    visitor.reads("no way of transferring licenses between organizations")
    with visitor.hand.one_step("Follow the on screen instructions"):
        visitor.hand.give(visitor.page.get_by_label("System files or a zip"), path)
        visitor.hand.press(visitor.button("Upload and check"))
        visitor.reads("New system")
        visitor.hand.press(visitor.button("Confirm"))
    # Beside them the source has to make the file, and to go to My Systems.
    visitor.hand.took_at_most(3)
    visitor.reads("1 system is up to date")
    done = visitor.page.url
    visitor.hand.press(visitor.link("Start your subscription"))
    visitor.hand.press(visitor.button("Start your subscription"))
    visitor.hand.press(visitor.tab("Product wallet"))
    visitor.redeem(issue(camera_station, core=10))
    visitor.hand.press(visitor.tab("Product licensing"))
    visitor.hand.fill(visitor.quantity("Core device", "2027-03-01"), "10")
    visitor.hand.press(visitor.button("Confirm allocation"))
    visitor.hand.press(visitor.button("Confirm"))
    visitor.reads("Your product is now licensed.")
    visitor.page.goto(done)
    visitor.reads("Nothing is missing: the system is licensed.")
    with visitor.page.expect_download() as downloaded:
        visitor.hand.press(visitor.page.get_by_role("button", name="Download license file"))
    license_file = tmp_path / downloaded.value.suggested_filename
    assert license_file.name == "license-vessel-1.json"
    downloaded.value.save_as(license_file)
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": signing_keys.public_keys()}))
    command: list[str | Path] = [
        sys.executable,
        settings.BASE_DIR / "docs" / "verify_license_file.py",
        license_file,
        jwks,
    ]
    command += ["--system", str(system.system_id), "--key", system.key.thumbprint(), "--now", "2027-03-02T00:00:00Z"]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "core-device: 10 by subscription, 10 more may be added" in verified.stdout
    # Anybody can verify it.
    visitor.open("verify")
    visitor.hand.give(visitor.page.get_by_label("Choose a file"), license_file)
    visitor.hand.press(visitor.button("Verify"))
    visitor.reads("This license file is valid")


def test_files_are_dropped(
    books: Books, visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> None:
    visitor = visit(manager_client).open("upload_system_file", organization.slug)
    documents = [system_file(vessel(name)).decode() for name in ("Red", "Blue")]
    # A browser lets nobody drop files from outside by program; this is the event that it would send.
    transfer = visitor.page.evaluate_handle(
        """documents => {
            const transfer = new DataTransfer();
            documents.forEach((text, n) => transfer.items.add(new File([text], `dropped-${n}.json`)));
            return transfer;
        }""",
        documents,
    )
    visitor.page.dispatch_event("[data-drop-zone]", "drop", {"dataTransfer": transfer})
    expect(visitor.page.locator("[data-drop-chosen]")).to_contain_text("dropped-1.json")
    visitor.button("Upload and check").click()
    visitor.heading("Red")
    visitor.heading("Blue")
