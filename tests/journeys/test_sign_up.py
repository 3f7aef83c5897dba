"""A stranger's way: signs up with the code from the mail, and later changes address and password and closes the account."""

from collections.abc import Callable

import pytest
from django.test import Client

from organizations.models import Organization, Role, User
from tests.conftest import FrozenClock
from tests.factories import PASSWORD
from tests.journeys.conftest import Visitor
from tests.organizations.account_pages import code_for, link_for

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
NEW_PASSWORD = "two swans on the river"


def sign_in(visitor: Visitor, email: str, password: str) -> None:
    """Type address and password on the sign-in page that is open."""
    visitor.page.get_by_label("E-mail address").fill(email)
    visitor.page.get_by_label("Password", exact=True).fill(password)
    visitor.button("Sign in").click()


def confirm_it_is_me(visitor: Visitor) -> None:
    """Type the password where it is asked for again."""
    visitor.heading("Is it you?")
    visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.button("Confirm").click()


def test_from_signing_up_to_the_product_list(
    visit: Callable[..., Visitor], javascript: bool, frozen_clock: FrozenClock
) -> None:
    visitor = visit(java_script_enabled=javascript, locale="en-SE", timezone_id="Europe/Stockholm")
    visitor.open("account_login")
    visitor.link("Create an account").click()
    visitor.page.get_by_label("E-mail address").fill("new@example.com")
    visitor.page.get_by_label("Password", exact=True).fill("short")
    visitor.page.get_by_label("Name of the organization").fill("Nord")
    visitor.button("Create account").click()
    visitor.reads("This password is too short")
    visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.button("Create account").click()
    visitor.heading("Type the code")
    visitor.page.get_by_label("Code").fill("WRNG-WRNG")
    visitor.button("Confirm").click()
    visitor.reads("This is not the code")
    visitor.page.get_by_label("Code").fill(code_for("new@example.com"))
    visitor.button("Confirm").click()
    visitor.reads("Nord")
    visitor.reads("Register")
    organization = Organization.objects.get()
    assert (organization.name, organization.country) == ("Nord", "SE")
    assert organization.time_zone == ("Europe/Stockholm" if javascript else "UTC")


def test_a_forgotten_password(visit: Callable[..., Visitor], manager: User) -> None:
    visitor = visit()
    visitor.open("account_login")
    visitor.page.get_by_role("link", name="Forgot your password?").click()
    visitor.page.get_by_label("E-mail address").fill(manager.email)
    visitor.button("Send the link").click()
    visitor.heading("Look at your mail")
    visitor.page.goto(visitor.base + link_for(manager.email))
    visitor.page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    visitor.page.get_by_label("New password, again").fill(NEW_PASSWORD)
    visitor.button("Save the new password").click()
    visitor.heading("Your password is changed")
    visitor.link("Go on").click()
    sign_in(visitor, manager.email, NEW_PASSWORD)
    visitor.heading("My Systems")


def test_another_address(visit: Callable[..., Visitor], manager: User, manager_client: Client) -> None:
    visitor = visit(manager_client)
    visitor.open("account")
    visitor.link("Change the address").click()
    visitor.page.get_by_label("New address").fill("kim@example.com")
    visitor.button("Send the code").click()
    confirm_it_is_me(visitor)
    visitor.page.get_by_label("Code").fill(code_for("kim@example.com"))
    visitor.button("Confirm").click()
    visitor.heading("Account")
    visitor.reads("kim@example.com")
    assert User.objects.get(pk=manager.pk).email == "kim@example.com"


def test_closing_the_account(
    visit: Callable[..., Visitor], organization: Organization, administrator_client: Client, manager: User
) -> None:
    visitor = visit(administrator_client)
    visitor.open("my_systems")
    visitor.page.locator("details.menu--account > summary").click()
    visitor.page.get_by_role("link", name="Account", exact=True).click()
    visitor.link("Close the account…").click()
    confirm_it_is_me(visitor)
    visitor.heading("You are still needed")
    manager.memberships.update(role=Role.ADMINISTRATOR)
    visitor.page.reload()
    visitor.heading("This will happen, and can't be undone")
    visitor.reads("Harbour Cameras")
    visitor.button("Close my account").click()
    visitor.reads("Your account is closed")
    visitor.heading("Sign in")
    assert not User.objects.filter(email="administrator@example.com").exists()
