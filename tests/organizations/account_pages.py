"""How tests sign up, read codes and links in the outbox, and compare answers."""

import re
from typing import Any

from django.test import Client

from licensemgr.core.models import OutboxMessage

# The test client's answers have a type of the stubs' own.
Answer = Any
PASSWORD = "a harbour full of herring"
FORM = {
    "email": "new@example.com",
    "password": PASSWORD,
    "name": "Nord",
    "country": "SE",
    "time_zone": "Europe/Stockholm",
}


def last_mail(recipient: str) -> OutboxMessage:
    """The newest message to an address."""
    return OutboxMessage.objects.filter(recipient=recipient).latest("pk")


def code_for(recipient: str) -> str:
    """The code in the newest message to an address."""
    found = re.search(r"^[A-Z]{4}-[A-Z]{4}$", last_mail(recipient).body_text, re.MULTILINE)
    assert found, last_mail(recipient).body_text
    return found.group()


def link_for(recipient: str) -> str:
    """The path of the link to choose a new password in the newest message to an address."""
    found = re.search(r"https?://[^/\s]+(/accounts/password/reset/key/\S+)", last_mail(recipient).body_text)
    assert found, last_mail(recipient).body_text
    return found.group(1)


def sign_up(client: Client, **typed: str) -> Answer:
    """Send the sign-up form."""
    return client.post("/accounts/signup/", FORM | typed)


def shown(response: Answer, *typed: str) -> str:
    """The page without what differs from one request to the next: tokens, and what was typed."""
    page = re.sub(r'(name="csrfmiddlewaretoken" value=)"[^"]*"', r"\1", response.content.decode())
    for text in typed:
        page = page.replace(text, "…")
    return page
