"""A list is made one's own: columns, a saved view, a file of what is filtered; with and without JavaScript, by keyboard."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import expect

from organizations.models import Organization
from products.models import SystemSource
from tests.factories import Books
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_columns_a_view_and_a_file(
    camera: Books, manager_at_browser: Visitor, organization: Organization, javascript: bool
) -> None:
    camera.report(START, system="Head office", source=SystemSource.MANUAL, core=2)
    visitor = manager_at_browser.open("system_setup", organization.slug, "camera-station")
    page = visitor.page
    header = page.get_by_role("columnheader", name="Last report")
    expect(header).to_be_visible()
    # By keyboard: the disclosure opens with Enter, a box is unticked with the space bar.
    page.locator("#columns-systems").press("Enter")
    page.get_by_role("checkbox", name="Last report").press("Space")
    page.get_by_role("button", name="Show these").press("Enter")
    visitor.reads("The columns of System setup are as you chose.")
    expect(header).to_have_count(0)

    page.get_by_role("combobox", name="Source").select_option(label="Entered by hand")
    if not javascript:
        visitor.button("Search").click()
    expect(visitor.link("Main")).to_have_count(0)
    page.locator("#views-systems").click()
    page.get_by_label("Save what is shown now as").fill("Ours by hand")
    visitor.button("Save").click()
    visitor.reads("The view Ours by hand is saved.")
    visitor.open("system_setup", organization.slug, "camera-station")
    expect(visitor.link("Main")).to_be_visible()
    page.locator("#views-systems").click()
    visitor.link("Ours by hand").click()
    expect(visitor.link("Main")).to_have_count(0)
    expect(page.locator("#views-systems")).to_contain_text("Ours by hand")

    page.locator("#files-systems").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "systems-camera-station-harbour-2027-03-01.csv"
    lines = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert [line[0] for line in lines] == ["System", "Head office"]
    assert "Last report" not in lines[0]

    page.locator("#views-systems").click()
    visitor.button("Delete the view Ours by hand").click()
    visitor.reads("The view Ours by hand is deleted.")
    expect(page.get_by_role("combobox", name="Source")).to_have_value("manual")
