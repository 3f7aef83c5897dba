"""To whom notices go, and that the plain text and the HTML of one say the same."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest

from licensemgr.core.models import OutboxMessage
from organizations.models import Membership, Organization, Role, User
from organizations.notices import Link, Notice, Table, recipients, tell
from organizations.services import add_member
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)
NOTICE = Notice(
    reason="something:7:2027-03-01",
    on=DAY,
    title="Camera Station: something",
    paragraphs=("It happened on March 1, 2027.", "It goes on until March 31, 2027."),
    facts=(("Last day", "March 31, 2027"), ("Allowance", "12")),
    table=Table(
        "3 licenses are missing",
        ("License type", "Missing", "In the wallet"),
        (("Core device", 2, 40), ("Universal device", 1, 0)),
    ),
    to_do="Allocate them by March 31, 2027.",
    links=(Link("Allocate", "https://portal.example.com/a/"), Link("Where to buy", "https://portal.example.com/b/")),
)


@pytest.fixture
def people(organization: Organization, manager: User, viewer: User) -> Organization:
    """An administrator, one who wants no notices, one who can't sign in, a manager, a viewer, and a contact."""
    for email in ("quiet@example.com", "blocked@example.com"):
        user = UserFactory.create(email=email, is_active=not email.startswith("blocked"))
        add_member(organization=organization, user=user, role=Role.ADMINISTRATOR, actor=None, on=DAY)
    Membership.objects.filter(user__email="quiet@example.com").update(wants_notices=False)
    organization.notices_email = "contact@example.com"
    organization.save()
    return organization


def _addresses(organization: Organization, *, can_be_switched_off: bool) -> list[str]:
    return [found.address for found in recipients(organization, can_be_switched_off=can_be_switched_off)]


def test_administrators_and_managers_who_want_them_and_the_contact(people: Organization) -> None:
    assert _addresses(people, can_be_switched_off=True) == [
        "administrator@example.com",
        "manager@example.com",
        "contact@example.com",
    ]


def test_every_administrator_where_it_cannot_be_switched_off(people: Organization) -> None:
    assert _addresses(people, can_be_switched_off=False) == [
        "administrator@example.com",
        "quiet@example.com",
        "contact@example.com",
    ]


def test_a_contact_who_is_told_anyway_is_told_once(people: Organization) -> None:
    people.notices_email = "Manager@Example.com"
    assert _addresses(people, can_be_switched_off=True) == ["administrator@example.com", "manager@example.com"]
    assert _addresses(people, can_be_switched_off=False)[-1] == "Manager@Example.com"


def test_nobody_in_a_closed_organization(people: Organization) -> None:
    people.closed_on = DAY
    assert _addresses(people, can_be_switched_off=True) == _addresses(people, can_be_switched_off=False) == []


def test_the_same_reason_is_written_once_for_each(people: Organization) -> None:
    assert tell(people, lambda: NOTICE) == 3
    tell(people, lambda: NOTICE)
    assert sorted(OutboxMessage.objects.values_list("reason", flat=True)) == sorted(
        f"notice:something:7:2027-03-01:{key}"
        for key in (*User.objects.filter(email__regex="^(adm|man)").values_list("pk", flat=True), "contact")
    )


def test_each_reads_why_it_came_and_how_no_more_come(people: Organization) -> None:
    tell(people, lambda: NOTICE)
    tell(people, lambda: replace(NOTICE, reason="another:7:2027-03-01", can_be_switched_off=False))
    endings = {
        (row.reason.split(":")[0], row.recipient.split("@")[0]): row.body_text.partition("\n-- \n")[2]
        for row in OutboxMessage.objects.all()
    }
    assert "You can switch your notices off here:\nMembers: " in endings["notice", "manager"]
    assert f"/o/{people.slug}/members/" in endings["notice", "manager"]
    assert "contact for notices of Harbour Cameras" in endings["notice", "contact"]
    assert f"/o/{people.slug}/settings/" in endings["notice", "contact"]
    assert "cannot be switched off" in endings["alert", "quiet"]
    assert "/members/" not in endings["alert", "quiet"]
    assert f"/o/{people.slug}/settings/" in endings["alert", "contact"]


class _Reader(HTMLParser):
    """What a reader sees of a mail's HTML: its words in order, and its links."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in ("style", "title"):
            self._hidden += 1
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "title"):
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += _words(data)


def _words(text: str) -> list[str]:
    """The words and numbers, without the punctuation around them."""
    return [word for word in (part.strip(":|-.,;()") for part in text.split()) if word]


@pytest.mark.parametrize("name", ["Harbour Cameras", '<b>&"x', "{{ x }} %(y)s {% z %}", "O'Hara & <Sons>"])
def test_the_plain_text_and_the_html_say_the_same(organization: Organization, name: str) -> None:
    Organization.objects.filter(pk=organization.pk).update(name=name)
    organization.refresh_from_db()
    tell(organization, lambda: replace(NOTICE, paragraphs=(f"{name} has grown.", *NOTICE.paragraphs)))
    row = OutboxMessage.objects.get()
    assert row.subject == f"Camera Station: something – {name}"
    seen = _Reader()
    seen.feed(row.body_html)
    # Nothing of a name becomes markup, and nothing of it is lost.
    assert "b" not in seen.tags and "sons" not in seen.tags
    assert " ".join(_words(name)) in " ".join(seen.words)
    assert f"{name} has grown." in row.body_text
    # The same words, links and rows: a link is written out in plain text, a column's name stands in each row.
    links = re.findall(r"https?://\S+", row.body_text)
    assert links == seen.links
    words = [word for word in _words(row.body_text) if not word.startswith("http")]
    html_words = [word for word in seen.words if not word.startswith("http")]
    body, columns = row.body_text, NOTICE.table.columns
    # Only the name of the first column stands in the HTML alone.
    assert set(words) <= set(html_words)
    assert set(html_words) - set(words) <= set(_words(columns[0]))
    assert [line for line in body.splitlines() if line.startswith("- ")] == [
        f"- {kind} | {columns[1]}: {missing} | {columns[2]}: {held}" for kind, missing, held in NOTICE.table.rows
    ]
    table = re.findall(r"<tr><th scope=\"row\".*?</tr>", row.body_html, re.DOTALL)
    cells = [tuple(re.sub(r"<[^>]+>", "\n", line).split("\n")) for line in table]
    assert [tuple(filter(None, line)) for line in cells] == [
        *NOTICE.facts,
        *((kind, str(missing), str(held)) for kind, missing, held in NOTICE.table.rows),
    ]


def test_the_html_needs_nothing_from_anywhere(organization: Organization) -> None:
    """It is read in programs that load nothing: no script, image, font or style sheet of somewhere else."""
    tell(organization, lambda: NOTICE)
    html = OutboxMessage.objects.get().body_html
    seen = _Reader()
    seen.feed(html)
    assert not {"script", "img", "link", "iframe", "form", "svg"} & set(seen.tags)
    assert "url(" not in html and "@import" not in html
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html
