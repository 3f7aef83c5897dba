"""The notices that an organization's people get by mail: to whom they go, and the one look that they share.

What a notice says is put together by the app that knows it (``subscriptions.notices``, ``wallet.notices``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language

from licensemgr.core import mail
from licensemgr.core.worded import gettext as _
from organizations.models import NOTIFIED_ROLES, Membership, Organization, Role


@dataclass(frozen=True)
class Link:
    """A page of the portal to go to."""

    label: str
    url: str


@dataclass(frozen=True)
class Cell:
    """A value of a table, with the name of its column."""

    column: str
    value: str | int

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int)


@dataclass(frozen=True)
class Table:
    """Quantities of licenses: a row for each license type, which stands in the first column."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        return tuple(tuple(map(Cell, self.columns, row)) for row in self.rows)


@dataclass(frozen=True)
class Notice:
    """What a mail says; its plain text and its HTML are both made of this, so that they say the same.

    ``reason`` is what, product and date, with colons between; with the person it lets the mail be written once.
    """

    reason: str
    on: date
    title: str
    paragraphs: tuple[str, ...]
    table: Table
    to_do: str
    # The first is the page on which to do it.
    links: tuple[Link, ...]
    facts: tuple[tuple[str, str], ...] = ()
    # The last day on which it is of use to its reader; None: always.
    useful_until: date | None = None
    # An exceeded allowance is told to every administrator, whether or not they want notices (R12).
    can_be_switched_off: bool = True


@dataclass(frozen=True)
class Recipient:
    """Who gets a notice. ``key`` tells people apart for good, whatever their address."""

    address: str
    key: str
    # The code of the language that it is written in.
    language: str
    is_contact: bool = False


def portal_link(label: str, url_name: str, *args: str, **query: str) -> Link:
    """A link for a mail, which no request causes: with the portal's own address."""
    return Link(label, settings.PORTAL_URL + reverse(url_name, args=args, query=query or None))


def render(name: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """The plain text and the HTML of a mail, by the two templates of that name: each extends the look of all mails."""
    values = {**context, "portal_url": settings.PORTAL_URL}
    text = render_to_string(f"mail/{name}.txt", values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", render_to_string(f"mail/{name}.html", values)


def recipients(organization: Organization, *, can_be_switched_off: bool) -> list[Recipient]:
    """Administrators and managers who want notices, or every administrator; and the organization's contact for notices.

    Nobody in an organization that is closed (R35).
    """
    if organization.closed_on is not None:
        return []
    members = Membership.objects.filter(organization=organization, user__is_active=True).select_related("user")
    if can_be_switched_off:
        members = members.filter(role__in=NOTIFIED_ROLES, wants_notices=True)
    else:
        members = members.filter(role=Role.ADMINISTRATOR)
    found = [Recipient(each.user.email, str(each.user_id), each.user.reads) for each in members.order_by("pk")]
    contact = organization.notices_email
    if contact and contact.casefold() not in {recipient.address.casefold() for recipient in found}:
        found.append(Recipient(contact, "contact", _language_of_contact(organization), is_contact=True))
    return found


def _language_of_contact(organization: Organization) -> str:
    """The contact is an address without an account: it reads what the first of the administrators reads."""
    administrators = Membership.objects.filter(organization=organization, role=Role.ADMINISTRATOR, user__is_active=True)
    first = administrators.select_related("user").order_by("pk").first()
    return first.user.reads if first is not None else settings.LANGUAGE_CODE


def tell(organization: Organization, make: Callable[[], Notice]) -> int:
    """Write a notice to everybody who gets it, each once and in the own language, and return to how many.

    ``make`` puts the notice into words; it is asked once for each language, while that is the active one.
    """
    notice = make()
    made = {get_language() or settings.LANGUAGE_CODE: notice}
    told = recipients(organization, can_be_switched_off=notice.can_be_switched_off)
    for recipient in told:
        with translation.override(recipient.language):
            if recipient.language not in made:
                made[recipient.language] = make()
            _write(organization, made[recipient.language], recipient)
    return len(told)


def _write(organization: Organization, notice: Notice, recipient: Recipient) -> None:
    text, html = render(
        "notice",
        {
            "notice": notice,
            "organization": organization,
            "why": _why(organization, notice, recipient),
            "settings_link": _settings_link(organization, notice, recipient),
        },
    )
    mail.write_message(
        organization=organization,
        recipient=recipient.address,
        subject=f"{notice.title} – {organization.name}",
        body_text=text,
        body_html=html,
        reason=f"{_prefix(notice.can_be_switched_off)}{notice.reason}:{recipient.key}",
        on=notice.on,
        useful_until=notice.useful_until,
    )


def _why(organization: Organization, notice: Notice, recipient: Recipient) -> str:
    """Why this mail came, and how no more of them come: by the link that follows, if any."""
    name = {"organization": organization.name}
    if recipient.is_contact:
        return (
            _("This address is the contact for notices of %(organization)s. An administrator can change it here:")
            % name
        )
    if notice.can_be_switched_off:
        return (
            _("You get this as an administrator or manager of %(organization)s. You can switch your notices off here:")
            % name
        )
    return _("Every administrator of %(organization)s gets this message; it cannot be switched off.") % name


def _settings_link(organization: Organization, notice: Notice, recipient: Recipient) -> Link | None:
    """The page on which a person or an administrator decides whether such mails come."""
    if recipient.is_contact:
        return portal_link(_("Organization settings"), "organization_settings", organization.slug)
    if notice.can_be_switched_off:
        return portal_link(_("Members"), "members", organization.slug)
    return None


def _prefix(can_be_switched_off: bool) -> str:
    """How the reasons of notices begin in the outbox, which holds other mail too."""
    return "notice:" if can_be_switched_off else "alert:"


def withdraw_notices(organization: Organization, is_solved: Callable[[str], bool] | None = None) -> None:
    """Let no notice be sent any more that waits in the outbox and whose reader does not get it now, or that is solved.

    ``is_solved`` is asked with a notice's reason.
    """
    waiting = mail.waiting_messages(organization, ("notice:", "alert:"))
    if not waiting:
        return
    readers = {
        _prefix(switch): {recipient.key for recipient in recipients(organization, can_be_switched_off=switch)}
        for switch in (True, False)
    }
    withdrawn: list[int] = []
    for pk, whole in waiting:
        kind, _colon, rest = whole.partition(":")
        reason, _colon, key = rest.rpartition(":")
        if key not in readers[f"{kind}:"] or (is_solved is not None and is_solved(reason)):
            withdrawn.append(pk)
    mail.withdraw_messages(withdrawn)
