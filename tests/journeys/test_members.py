"""An organization's people in the browser: invited, joined, promoted, removed; settings, leaving, closing (R30, R31, R35)."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import expect

from licensemgr.core.models import OutboxMessage
from organizations.models import Membership, Organization, Role, User
from organizations.services import add_member
from products.models import System
from tests.factories import PASSWORD, Books, OrganizationFactory, UserFactory
from tests.journeys.conftest import START, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
EMAIL = "colleague@example.com"


def link_in_mail() -> str:
    """The path of the link in the newest mail."""
    body = OutboxMessage.objects.order_by("-pk")[0].body_text
    [path] = re.findall(r"(/invitations/\S+)", body)
    return str(path)


def test_invited_joined_promoted_and_removed(
    camera: Books, visit: Callable[..., Visitor], administrator_client: Client, javascript: bool
) -> None:
    colleague = UserFactory.create(email=EMAIL, first_name="Cleo", last_name="League")
    one = visit(administrator_client, java_script_enabled=javascript).open("members", "harbour")
    one.page.get_by_label("E-mail address").fill(EMAIL)
    one.button("Invite").click()
    one.reads(f"An invitation was sent to {EMAIL}.")
    # The invited person has another browser, and is not signed in there.
    other = visit(java_script_enabled=javascript)
    other.page.goto(other.base + link_in_mail())
    other.reads("You are invited to become a member of Harbour Cameras, with the role Viewer.")
    other.link("Sign in").click()
    other.page.get_by_role("textbox", name=re.compile("mail")).fill(EMAIL)
    other.page.get_by_label("Password").fill(PASSWORD)
    other.button("Sign in").click()
    other.button("Join").click()
    other.reads("You are a member of Harbour Cameras now.")
    expect(other.link("Register product")).to_have_count(0)
    one.open("members", "harbour")
    row = one.page.get_by_role("row", name="Cleo League")
    row.get_by_label("Role of Cleo League").select_option("Manager")
    row.get_by_role("button", name="Change").click()
    one.reads("The role of Cleo League is now Manager.")
    other.open("product_list", "harbour")
    expect(other.link("Register product")).to_be_visible()
    one.link("Remove Cleo League").click()
    one.reads("Remove Cleo League?")
    one.button("Remove member").click()
    one.reads("Cleo League is no longer a member.")
    # The very next click of somebody who is no member any more.
    other.link("Register product").click()
    other.heading("There is nothing here")
    assert not colleague.memberships.exists()


def test_settings_count_and_the_time_zone_from_the_next_day(
    camera: Books, visit: Callable[..., Visitor], administrator_client: Client, javascript: bool
) -> None:
    visitor = visit(administrator_client, java_script_enabled=javascript).open("product_list", "harbour")
    visitor.page.locator("details.menu--org > summary").click()
    visitor.page.get_by_role("link", name="Organization settings").click()
    visitor.page.get_by_label("Name").fill("Harbour and Sons")
    visitor.page.get_by_label("Time zone").select_option("Asia/Tokyo")
    visitor.page.get_by_label("Contact for notices").fill("licenses@example.com")
    visitor.button("Save").click()
    visitor.reads("The settings are saved.")
    visitor.reads("The time zone Asia/Tokyo counts from March 2, 2027 on. Until that day begins, UTC counts.")
    expect(visitor.page.locator(".menu__current")).to_have_text("Harbour and Sons")


def test_a_member_leaves(camera: Books, visit: Callable[..., Visitor], viewer_client: Client, viewer: User) -> None:
    visitor = visit(viewer_client).open("members", "harbour")
    visitor.link("Leave Harbour Cameras").click()
    visitor.button("Leave").click()
    visitor.reads("You are no longer a member of Harbour Cameras.")
    visitor.reads("You are not a member of an organization yet")
    visitor.link("Create an organization").click()
    visitor.page.get_by_label("Name").fill("Viewer's own")
    visitor.button("Create organization").dblclick()
    visitor.reads("Viewer's own has no product yet.")
    assert Membership.objects.get(user=viewer).role == Role.ADMINISTRATOR


def test_downloaded_and_closed(
    licensed: Books,
    visit: Callable[..., Visitor],
    administrator_client: Client,
    organization: Organization,
    javascript: bool,
    tmp_path: Path,
) -> None:
    visitor = visit(administrator_client, java_script_enabled=javascript).open("organization_settings", "harbour")
    visitor.link("Close the organization").click()
    visitor.page.get_by_label("Name of the organization").fill("Harbour Cameras")
    visitor.button("Close the organization").click()
    visitor.reads("have to be downloaded after the last change, and they were not")
    with visitor.page.expect_download() as download:
        visitor.button("Download").click()
    download.value.save_as(tmp_path / "books.zip")
    files = ["README.txt", "history.csv", "entries.csv", "registration-codes.csv"]
    assert zipfile.ZipFile(tmp_path / "books.zip").namelist() == files
    visitor.button("Close the organization").click()
    visitor.reads("Harbour Cameras is closed.")
    visitor.reads("You are not a member of an organization yet")
    visitor.open("product_list", "harbour").heading("There is nothing here")
    organization.refresh_from_db()
    assert organization.closed_on == START
    assert not System.objects.filter(removed_on=None).exists()


def test_the_drop_down_is_searched_from_eight_organizations_up(
    camera: Books, visit: Callable[..., Visitor], manager_client: Client, manager: User
) -> None:
    for number in range(7):
        other = OrganizationFactory.create(name=f"Depot {number}", on=START)
        add_member(organization=other, user=manager, role=Role.MANAGER, actor=None, on=START)
    visitor = visit(manager_client).open("product_list", "harbour")
    older = visitor.second_tab().open("register_product", "harbour")
    visitor.page.locator("details.menu--org > summary").click()
    visitor.page.get_by_label("Search organizations").fill("depot 5")
    menu = visitor.page.locator("#org-menu").get_by_role("link")
    expect(menu.locator("visible=true")).to_have_count(1)
    visitor.page.get_by_label("Search organizations").fill("nowhere")
    expect(visitor.page.get_by_text("No organization has this name.")).to_be_visible()
    visitor.page.get_by_label("Search organizations").fill("depot 5")
    menu.locator("visible=true").click()
    visitor.reads("Depot 5 has no product yet.")
    # A POST from the older tab still acts on the organization that its page named.
    older.page.get_by_label("Product", exact=True).select_option("camera-station")
    older.page.get_by_role("main").get_by_role("button").first.click()
    older.page.get_by_label("System name").fill("Older tab")
    for name in ("Core device", "Universal device"):
        older.page.get_by_label(name).fill("1")
    older.button("Add system").click()
    older.reads("The system Older tab is registered.")
    assert System.objects.get(name="Older tab").organization == camera.organization
