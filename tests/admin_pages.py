"""What the tests of the admin site share: addresses, forms of inlines, what a page says."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from organizations.models import User


def address(model: Any, page: str, *args: Any) -> str:
    """The address of an admin page."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def inline(prefix: str, rows: Sequence[Mapping[str, object]], *, stored: int = 0) -> dict[str, str]:
    """The form of an inline's rows, the first ``stored`` of which exist already."""
    form = {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": str(stored)}
    form |= {f"{prefix}-MIN_NUM_FORMS": "0", f"{prefix}-MAX_NUM_FORMS": "1000"}
    for number, row in enumerate(rows):
        form |= {f"{prefix}-{number}-{name}": str(value) for name, value in row.items()}
    return form


def token_in(response: Any) -> str:
    """The form token of the page."""
    found = re.search(r'name="form_token" value="([^"]+)"', response.content.decode())
    assert found, "the page has no form token"
    return found[1]


def said(response: Any) -> str:
    """The text of a page, or of the page to which it leads, as a person reads it."""
    if response.status_code in (302, 303):
        response = response.client.get(response["Location"])
    assert response.status_code < 500
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode())))


def staff_person(*permissions: str, email: str = "clerk@example.net") -> tuple[User, Client]:
    """A person of the vendor who is no superuser, with these permissions (“wallet.add_keybatch”), signed in."""
    person = User.objects.create_user(email, "a long clerk's password", is_staff=True)
    for name in permissions:
        app, _dot, codename = name.partition(".")
        person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(person)
    return person, client
