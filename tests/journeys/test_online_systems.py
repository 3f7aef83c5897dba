"""A system that is online: a code is made, the system joins by itself and is heard, the code is revoked; the pages' looks."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from licensemgr.core import clock, signing_keys
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Organization
from tests.factories import Books
from tests.hardware.offline import system_file, vessel
from tests.journeys.conftest import Visitor
from tests.journeys.test_sent_twice import press, reach

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PRODUCT = "camera-station"


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path / "log")
    signing_keys.rotate()


def call(portal: str, system: SimulatedSystem, code: str) -> tuple[int, bytes]:
    """What a system does into which these two lines were typed: it reports over HTTP."""
    request = urllib.request.Request(  # noqa: S310 - the test's own server
        f"{portal}/api/v1/reports",
        data=system_file(system, core=4),
        headers={"Content-Type": "application/jose+json", "Registration-Code": code},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def test_a_system_that_is_online_joins(
    books: Books,
    manager_at_browser: Visitor,
    organization: Organization,
    monkeypatch: pytest.MonkeyPatch,
    settings: object,
) -> None:
    """From the organization without systems to one that was heard; the form by the keyboard alone."""
    visitor = manager_at_browser
    monkeypatch.setattr(settings, "PORTAL_URL", visitor.base)
    visitor.open("my_systems").choose_organization(organization.name)
    visitor.link("Connect a system that is online").click()
    visitor.reads("reports its devices and fetches its license by itself")
    press(visitor, visitor.link("Make a registration code"))
    visitor.heading("Make a registration code")
    keyboard = visitor.page.keyboard
    press(visitor, visitor.button("Make the code"))
    visitor.reads("Enter a name, so that you can tell your codes apart.")
    reach(visitor, visitor.page.get_by_role("textbox", name="Name"))
    keyboard.insert_text("North pier")
    keyboard.press("Tab")
    keyboard.insert_text("2")
    keyboard.press("Enter")
    visitor.reads("This code is shown only now")
    portal = visitor.page.locator("#portal-url").inner_text()
    code = visitor.page.locator("#registration-code").inner_text()
    system, other = vessel("Pier camera"), vessel("Late camera")
    status, license_file = call(portal, system, code)
    assert status == 200
    system.trust(signing_keys.public_keys())
    assert system.take_license_file(license_file, at=clock.now())["need"] == {"core-device": 4, "universal-device": 0}
    # Whoever loads the page of the code again sees no code.
    visitor.page.reload()
    visitor.reads("a code is shown only once")
    assert code not in visitor.page.content()
    visitor.open("system_setup", organization.slug, PRODUCT)
    row = visitor.page.get_by_role("row").filter(has_text="Pier camera")
    expect(row).to_contain_text("Online")
    expect(row).to_contain_text("just now")
    row.get_by_role("link", name="Pier camera").click()
    visitor.reads("This system fetches its license by itself")
    visitor.reads(f"North pier …{code[-5:]}")
    visitor.link("North pier").click()
    visitor.reads("1 of 2")
    press(visitor, visitor.link("Revoke", exact=False))
    visitor.reads("No more systems can join by it.")
    press(visitor, visitor.button("Revoke registration code"))
    visitor.reads(f"The registration code …{code[-5:]} is revoked.")
    assert call(portal, other, code)[0] == 401
    assert call(portal, system, "")[0] == 200
