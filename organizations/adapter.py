"""How allauth behaves here: its mail goes through the outbox."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from licensemgr.core import clock
from licensemgr.core.mail import write_message
from organizations.accounts import is_address_taken, note_browser_language
from organizations.models import User

# A code lives minutes and a link a day; what arrives later than this helps nobody.
_USEFUL_FOR = timedelta(days=1)


@dataclass(frozen=True)
class MailPart:
    """A paragraph of a mail. ``kind`` is "text", "code" (to be typed) or "link" (to be opened)."""

    kind: str
    text: str


class AccountAdapter(DefaultAccountAdapter):
    """allauth signs people in, resets passwords and changes addresses; signing up is `organizations.signing_up`."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _(
            "The address or the password is not right. Nobody was signed in. Try again, or choose a new password."
        ),
        "too_many_login_attempts": _("That was wrong too often. Nothing was changed. Please wait a few minutes."),
        "incorrect_code": _("This is not the code. Nothing was changed. Type it as it stands in the newest mail."),
        "incorrect_password": _("This is not your password. Nothing was changed."),
        "enter_current_password": _("This is not your password. Nothing was changed."),
        "email_taken": _("Somebody has an account with this address already. Nothing was changed."),
        "duplicate_email": _("This is your address already. Nothing was changed."),
        "rate_limited": _("That was too fast. Nothing was changed. Please wait a little."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """allauth's own sign-up, which would make the account before the address is proved, stays closed."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign the person in, and remember in which language."""
        super().login(request, user)
        note_browser_language(user=user, language=get_language() or settings.LANGUAGE_CODE)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write the mail into the outbox, so that no answer waits for a mail server and nothing is lost.

        Plain text and HTML are both made of the paragraphs of ``…_message.txt``, so that they say the same.
        """
        on = clock.now().date()
        request = allauth_context.request
        portal_url = request.build_absolute_uri("/").rstrip("/") if request else settings.PORTAL_URL
        known = {"request": request, "email": email, "portal_url": portal_url, **context}
        subject = " ".join(render_to_string(f"{template_prefix}_subject.txt", known).split())
        parts = _parts(render_to_string(f"{template_prefix}_message.txt", known), str(context.get("code", "")))
        known |= {"subject": subject, "parts": parts}
        write_message(
            organization=None,
            recipient=email,
            subject=subject,
            body_text=render_to_string("mail/account.txt", known),
            body_html=render_to_string("mail/account.html", known),
            reason=f"account:{uuid.uuid4().hex}",
            on=on,
            useful_until=on + _USEFUL_FOR if any(part.kind != "text" for part in parts) else None,
            is_confidential=True,
        )

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Put the new address in the old one's place, whole or not at all; False where somebody else was quicker."""
        try:
            with transaction.atomic():
                return bool(super().confirm_email(request, email_address))
        except IntegrityError as error:
            if not is_address_taken(error):
                raise
            messages.error(request, gettext("Somebody has an account with this address. Your address was not changed."))
            return False

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Back to the account whose address was changed."""
        return reverse("account")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to the account whose password was changed."""
        return reverse("account")


def _parts(text: str, code: str) -> list[MailPart]:
    """The paragraphs of a text."""

    def kind(paragraph: str) -> str:
        if paragraph == code:
            return "code"
        return "link" if paragraph.startswith(("http://", "https://")) and " " not in paragraph else "text"

    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    return [MailPart(kind(paragraph), paragraph) for paragraph in paragraphs if paragraph]
