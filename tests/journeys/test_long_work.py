"""Long work at a browser: an upload that tells how far it is, and files that are made while one looks or is elsewhere."""

import json
import random
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from licensemgr.core import clock
from licensemgr.portal.views import organization as views
from organizations.models import Organization, User
from organizations.work import order_work
from organizations.work_models import WorkOrder, WorkState
from organizations.working import do_work
from tests.factories import Books
from tests.journeys.conftest import START, Visitor
from tests.journeys.test_appearance import looking, problems_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Keeps each change of what is said to screen readers, over pages.
LISTEN = """
addEventListener("DOMContentLoaded", function () {
  function keep(change) {
    var region = change.target.nodeType === 1 ? change.target : change.target.parentElement;
    if (!region || !region.closest("[role=status]") || !region.textContent.trim()) return;
    var said = JSON.parse(sessionStorage.getItem("said") || "[]");
    sessionStorage.setItem("said", JSON.stringify(said.concat(region.textContent.trim())));
  }
  new MutationObserver(function (changes) { changes.forEach(keep); })
    .observe(document, { subtree: true, childList: true, characterData: true });
});
"""


def said(page: Page) -> list[str]:
    """What was said so far."""
    found: list[str] = json.loads(page.evaluate("sessionStorage.getItem('said') || '[]'"))
    return found


def zip_of_noise(path: Path, size: int) -> None:
    """A zip of about that size in which no system file is."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("noise.json", random.Random(1).randbytes(size))


def test_an_upload_says_how_much_of_it_is_sent_and_then_that_it_is_checked(
    books: Books,
    visit: Callable[..., Visitor],
    manager_client: Client,
    organization: Organization,
    tmp_path: Path,
) -> None:
    visitor = visit(manager_client).open("upload_system_file", organization.slug)
    page = visitor.page
    page.add_init_script(LISTEN)
    page.reload()
    zip_of_noise(tmp_path / "noise.zip", 600_000)
    # So slow that the browser tells of it on its way.
    session = visitor.context.new_cdp_session(page)
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000},
    )
    page.get_by_label("System files or a zip").set_input_files(tmp_path / "noise.zip")
    visitor.button("Upload and check").click()
    page.wait_for_url("**/upload/*-*/")
    heard = [sentence for sentence in said(page) if "pload" in sentence]
    assert heard[0] == "Uploading …"
    assert heard[-1] == "Uploaded. Checking …"
    assert any("600" in sentence and "%" in sentence for sentence in heard), heard
    # No more than each quarter, the beginning and the end.
    assert len(heard) <= 5


def test_a_refused_upload_comes_back_with_its_reason(
    books: Books, manager_at_browser: Visitor, organization: Organization, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(201):
            archive.writestr(f"{number}.json", "{}")
    visitor = manager_at_browser.open("upload_system_file", organization.slug)
    visitor.page.get_by_label("System files or a zip").set_input_files(tmp_path / "many.zip")
    visitor.button("Upload and check").click()
    expect(visitor.page.locator(".form-errors")).to_contain_text("at most 200 can be uploaded at once")
    expect(visitor.page.locator("[data-upload-progress]:visible")).to_have_count(0)
    expect(visitor.link("Enter its system by hand")).to_have_count(1)


def test_a_file_becomes_ready_while_one_looks_and_is_downloaded(
    licensed: Books,
    visit: Callable[..., Visitor],
    administrator_client: Client,
    organization: Organization,
    monkeypatch: pytest.MonkeyPatch,
    javascript: bool,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(views, "MOST_ROWS_AT_ONCE", 0)
    visitor = visit(administrator_client, java_script_enabled=javascript)
    page = visitor.page
    page.add_init_script(LISTEN)
    visitor.open("organization_settings", organization.slug)
    visitor.button("Download").click()
    visitor.heading("Downloads")
    visitor.reads("Waiting for its turn")
    mark = page.get_by_role("banner").get_by_role("link", name="1 file is being made")
    expect(mark).to_be_visible()
    assert do_work() == 1
    if not javascript:
        visitor.link("Reload").click()
    visitor.reads("Ready")
    expect(page.get_by_role("banner").get_by_role("link", name="1 file ready")).to_be_visible()
    if javascript:
        assert any(sentence.startswith("History and entries: Ready") for sentence in said(page))
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="Download – History and entries").click()
    downloaded.value.save_as(tmp_path / "export.zip")
    assert "history.csv" in zipfile.ZipFile(tmp_path / "export.zip").namelist()
    page.reload()
    expect(page.get_by_role("banner").get_by_role("link", name="1 file ready")).to_have_count(0)


def test_what_became_ready_is_said_once_on_the_page_on_which_one_is(
    licensed: Books,
    visit: Callable[..., Visitor],
    administrator_client: Client,
    administrator: User,
    organization: Organization,
) -> None:
    visitor = visit(administrator_client)
    page = visitor.page
    page.add_init_script(LISTEN)
    order_work(organization=organization, person=administrator, kind="organization_export", arguments={}, on=START)
    visitor.open("product_list", organization.slug)
    assert do_work() == 1
    expect(page.get_by_role("banner").get_by_role("link", name="1 file ready")).to_be_visible()
    expect(page.locator("#live-region")).to_have_text("1 file ready")
    visitor.open("history", organization.slug)
    expect(page.get_by_role("banner").get_by_role("link", name="1 file ready")).to_be_visible()
    visitor.open("product_list", organization.slug)
    assert said(page).count("1 file ready") == 1


def test_downloads_in_every_state(
    licensed: Books,
    visit: Callable[..., Visitor],
    administrator_client: Client,
    administrator: User,
    organization: Organization,
) -> None:
    now = clock.real_now()
    states: dict[WorkState, dict[str, Any]] = {
        WorkState.QUEUED: {},
        WorkState.RUNNING: {"done": 3000, "total": 20412},
        WorkState.DONE: {"finished_at": now, "kept_until": now + timedelta(hours=9), "size": 812_000},
        WorkState.FAILED: {"finished_at": now, "sentence": "The portal failed at this file. Nothing was changed."},
        WorkState.EXPIRED: {"finished_at": now, "kept_until": now - timedelta(hours=9)},
    }
    with looking(visit, administrator_client) as (visitor, problems):
        visitor.open("work", organization.slug)
        problems += problems_of(visitor, "downloads_empty")
        for state, values in states.items():
            WorkOrder.objects.create(
                organization=organization,
                person=administrator,
                kind="organization_export",
                fingerprint=state,
                language="en",
                on=START,
                state=state,
                made_at=now,
                **values,
            )
        visitor.open("work", organization.slug)
        visitor.reads("3,000 of 20,412 rows")
        problems += problems_of(visitor, "downloads")
        assert visitor.page.locator(f"form[action='{reverse('work', args=[organization.slug])}']").count() == 0
