"""Registration codes in the portal: made, shown once, listed, revoked; who may, what History and the download tell (R31, R32)."""

import csv
import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hardware import code_list
from hardware.models import RegistrationCode, SystemIdentity
from hardware.services import remove_system
from history.models import Action, Record
from licensemgr.core import clock, signing_keys
from licensemgr.portal.closing import close_organization
from licensemgr.portal.exporting import CODE_COLUMNS, note_export
from licensemgr.portal.verifying import verify_books
from organizations.models import Organization, User
from organizations.support import open_support_view
from tests.api.calls import code_for, post_report
from tests.factories import Books
from tests.hardware.offline import DAY, system_file, vessel
from tests.hardware.test_units import text_of
from tests.organizations.test_closing import export, rows

pytestmark = pytest.mark.django_db

CODES = "/o/harbour/registration-codes/"
MAKE = f"{CODES}make/"
_CODE = re.compile(r"\b(?:[2-9A-HJ-NP-Z]{5}-){4}[2-9A-HJ-NP-Z]{5}\b")


@pytest.fixture(autouse=True)
def keys(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems that join are given license files."""
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()


def filled(**changed: object) -> dict[str, object]:
    return {"label": "North pier", "uses": "2", "days": "7", "form_token": str(uuid.uuid4()), **changed}


def revoke_url(code: RegistrationCode) -> str:
    return reverse("revoke_registration_code", args=["harbour", code.pk])


def test_a_code_is_shown_once_and_lets_a_system_join(manager_client: Client, manager: User, books: Books) -> None:
    page = text_of(manager_client.get(CODES))
    assert "No registration codes" in page
    assert "type a registration code of Harbour Cameras into it once" in page
    answer = manager_client.post(MAKE, filled())
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    [code] = set(_CODE.findall(answer.content.decode()))
    shown = text_of(answer)
    assert "This code is shown only now" in shown
    assert f"Registration-Code: {code}" in shown
    assert "http://localhost:8000" in shown
    row = RegistrationCode.objects.get()
    assert (row.label, row.uses, row.made_by, row.tail) == ("North pier", 2, manager, code[-5:])
    assert timedelta(days=7) - timedelta(minutes=1) < row.expires_at - clock.real_now() <= timedelta(days=7)
    # No page shows it again, and nothing that is kept tells it.
    listed = manager_client.get(CODES).content.decode()
    assert code not in listed
    assert row.digest not in listed
    assert f"…{row.tail}" in listed
    assert not Record.objects.filter(search_text__icontains=code).exists()
    assert post_report(system_file(vessel()), code).status_code == 200
    assert "1 of 2" in text_of(manager_client.get(CODES))


def test_the_same_form_makes_one_code_and_shows_it_once(manager_client: Client, books: Books) -> None:
    form = filled()
    [code] = set(_CODE.findall(manager_client.post(MAKE, form).content.decode()))
    again = manager_client.post(MAKE, form)
    assert again.status_code == 409
    assert "no-store" in again["Cache-Control"]
    assert code not in again.content.decode()
    assert "This form made its registration code before, and a code is shown only once." in text_of(again)
    assert RegistrationCode.objects.count() == 1
    # The form that is there now is another one, with what was typed.
    [token] = re.findall(r'name="form_token" value="([^"]+)"', again.content.decode())
    assert token != form["form_token"]
    assert 'value="North pier"' in again.content.decode()
    assert manager_client.post(MAKE, form | {"form_token": token}).status_code == 200
    assert RegistrationCode.objects.count() == 2


WRONG: list[tuple[dict[str, object], str]] = [
    ({"label": "  "}, "Enter a name, so that you can tell your codes apart."),
    ({"label": "x" * 121}, "A name has at most 120 characters; this one has 121."),
    ({"uses": "0"}, "From 1 to 10,000 systems can join by one code. No code was made."),
    ({"uses": "10001"}, "From 1 to 10,000 systems can join by one code. No code was made."),
    ({"uses": "two"}, "Enter a whole number in the digits 0 to 9. No code was made."),
    ({"uses": "9" * 5000}, "Enter a whole number in the digits 0 to 9. No code was made."),
    ({"days": "367"}, "A code can be used for 1 to 366 days. No code was made."),
    ({"days": "-1"}, "A code can be used for 1 to 366 days. No code was made."),
    ({"days": ""}, "Enter a whole number in the digits 0 to 9. No code was made."),
    ({"form_token": "x"}, "This form is not complete. No code was made; load the page again."),
]


@pytest.mark.parametrize(("changed", "sentence"), WRONG)
def test_what_is_wrong_is_a_sentence_and_what_was_typed_stays(
    manager_client: Client, changed: dict[str, object], sentence: str
) -> None:
    form = filled(label="Quay <3>") | changed
    answer = manager_client.post(MAKE, form)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    if "label" not in changed:
        assert 'value="Quay &lt;3&gt;"' in answer.content.decode()
    assert not RegistrationCode.objects.exists()


def test_who_may_make_and_revoke(
    administrator_client: Client,
    administrator: User,
    viewer_client: Client,
    organization: Organization,
    staff: User,
    staff_client: Client,
) -> None:
    """R31, R30: a viewer and a support view see the list, and nothing to press."""
    code_for(organization, administrator)
    code = RegistrationCode.objects.get()
    open_support_view(organization=organization, user=staff, reason="x", on=DAY)
    for client in (viewer_client, staff_client):
        page = client.get(CODES).content.decode()
        assert f"…{code.tail}" in page
        assert MAKE not in page
        assert revoke_url(code) not in page
        for url in (MAKE, revoke_url(code)):
            assert client.get(url).status_code == 403
            assert client.post(url, filled()).status_code == 403
    code.refresh_from_db()
    assert (RegistrationCode.objects.count(), code.revoked_at) == (1, None)
    assert administrator_client.post(MAKE, filled()).status_code == 200


def test_revoking_asks_first_and_counts_once(
    manager_client: Client, books: Books, organization: Organization, administrator: User
) -> None:
    text = code_for(organization, administrator, uses=2)
    code = RegistrationCode.objects.get()
    assert post_report(system_file(vessel()), text).status_code == 200
    page = text_of(manager_client.get(revoke_url(code)))
    assert f"Revoke …{code.tail}?" in page
    assert "1 of 2" in page
    assert "Those that joined stay and keep their licenses." in page
    for _time in range(2):
        answer = manager_client.post(revoke_url(code), follow=True)
        assert answer.redirect_chain == [(CODES, 303)]
    assert f"The registration code …{code.tail} is revoked." in text_of(answer)
    assert "Revoked" in text_of(answer)
    assert Record.objects.filter(action=Action.CODE_REVOKED).count() == 1
    assert post_report(system_file(vessel()), text).status_code == 401


def test_the_code_of_another_organization_is_not_there(
    manager_client: Client, other_organization: Organization, outsider: User
) -> None:
    code_for(other_organization, outsider)
    code = RegistrationCode.objects.get()
    for answer in (manager_client.get(revoke_url(code)), manager_client.post(revoke_url(code))):
        assert answer.status_code == 404
    assert f"…{code.tail}" not in manager_client.get(CODES).content.decode()
    code.refresh_from_db()
    assert code.revoked_at is None


def test_every_state_has_its_word(
    viewer_client: Client, books: Books, organization: Organization, administrator: User
) -> None:
    states = ("Open", "Used up", "Expired", "Revoked")
    texts = {state: code_for(organization, administrator) for state in states}
    assert post_report(system_file(vessel()), texts["Used up"]).status_code == 200
    for state, change in {"Expired": "expires_at", "Revoked": "revoked_at"}.items():
        RegistrationCode.objects.filter(tail=texts[state][-5:]).update(**{change: clock.real_now()})
    page = viewer_client.get(CODES).content.decode()
    for state, text in texts.items():
        row: Any = re.search(rf"<tr[^>]*>(?:(?!</tr>).)*…{text[-5:]}.*?</tr>", page, re.DOTALL)
        assert f"</svg>{state}</span>" in row[0]


def tails_on(page: str) -> list[str]:
    return re.findall(r"mono\">…([^<]+)<", page)


def test_hundreds_of_codes_are_told_a_page_at_a_time(
    viewer_client: Client, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code_list.CODES_PER_PAGE == 50
    monkeypatch.setattr(code_list, "CODES_PER_PAGE", 3)
    tails = [code_for(organization, administrator)[-5:] for _number in range(7)]
    found, address = [], CODES
    while address:
        page = viewer_client.get(address).content.decode()
        found.append(tails_on(page))
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"{CODES}{older[1]}" if older else ""
    assert found == [tails[:3:-1], tails[3:0:-1], tails[:1]]
    newer = re.search(r'rel="prev" href="([^"]+)"', page)
    assert newer and tails_on(viewer_client.get(f"{CODES}{newer[1]}").content.decode()) == found[1]
    for cursor in ("x", "0", "-1", "１", "9" * 30, "9" * 18):
        for name in ("before", "after"):
            assert tails_on(viewer_client.get(CODES, {name: cursor}).content.decode()) == found[0]


def test_a_page_that_begins_at_a_code_stays_where_it_is_when_that_is_revoked(
    manager_client: Client, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_list, "CODES_PER_PAGE", 2)
    tails = [code_for(organization, administrator)[-5:] for _number in range(5)]
    last = RegistrationCode.objects.get(tail=tails[3])
    asked = {"state": "open", "after": str(last.pk)}
    assert tails_on(manager_client.get(CODES, asked).content.decode()) == [tails[2], tails[1]]
    manager_client.post(revoke_url(last))
    assert tails_on(manager_client.get(CODES, asked).content.decode()) == [tails[2], tails[1]]


def test_the_cursor_of_another_organization_is_none(
    viewer_client: Client,
    organization: Organization,
    administrator: User,
    other_organization: Organization,
    outsider: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(code_list, "CODES_PER_PAGE", 2)
    code_for(organization, administrator)
    code_for(other_organization, outsider)
    newest = code_for(organization, administrator)[-5:]
    theirs = RegistrationCode.objects.get(organization=other_organization)
    assert tails_on(viewer_client.get(CODES, {"after": str(theirs.pk)}).content.decode())[0] == newest


def test_they_are_searched_filtered_and_sorted_and_the_code_itself_is_in_no_file(
    viewer_client: Client, organization: Organization, administrator: User
) -> None:
    """What is asked stands in the address; files have it, and the last symbols only."""
    texts = {name: code_for(organization, administrator, uses=2) for name in ("North pier", "South pier", "Yard")}
    for name, text in texts.items():
        RegistrationCode.objects.filter(tail=text[-5:]).update(label=name)
    RegistrationCode.objects.filter(label="Yard").update(expires_at=clock.real_now())
    tails = {name: text[-5:] for name, text in texts.items()}

    def found(**asked: str) -> list[str]:
        return tails_on(viewer_client.get(CODES, asked).content.decode())

    assert found(search="PIER", sort="name") == [tails["North pier"], tails["South pier"]]
    assert found(search="south pier") == [tails["South pier"]]
    assert found(search=f"…{tails['Yard'].lower()}") == [tails["Yard"]]
    assert found(state="expired") == [tails["Yard"]]
    assert found(state="open", sort="-name") == [tails["South pier"], tails["North pier"]]
    assert found(state="no-such", sort="no-such") == list(tails.values())[::-1]
    nothing = viewer_client.get(CODES, {"search": "nowhere"}).content.decode()
    assert "No registration code matches." in nothing and "Show all registration codes" in nothing
    file = reverse("list_csv", args=["harbour", "registration-codes"])
    answer: Any = viewer_client.get(file, {"search": "pier", "sort": "name"})
    text = b"".join(answer.streaming_content).decode()
    assert [line[:2] for line in csv.reader(text.splitlines()[1:])] == [
        ["North pier", tails["North pier"]],
        ["South pier", tails["South pier"]],
    ]
    for code in RegistrationCode.objects.all():
        assert code.digest not in text
    assert not _CODE.search(text)


def test_history_tells_of_codes_and_of_who_joined_and_finds_them_by_their_tail(
    viewer_client: Client, manager_client: Client, books: Books, organization: Organization, administrator: User
) -> None:
    text = code_for(organization, administrator, uses=2)
    code_for(organization, administrator)
    tail = text[-5:]
    post_report(system_file(vessel("Tanker")), text)
    manager_client.post(revoke_url(RegistrationCode.objects.get(tail=tail)))
    history = "/o/harbour/history/"
    page = text_of(viewer_client.get(history, {"q": tail}))
    assert f"Registration code …{tail} (Site) was made, for 2 systems and 7 days." in page
    assert f"System Tanker joined by itself with the registration code …{tail} (Site)." in page
    assert f"Registration code …{tail} (Site) was revoked. 1 system had joined by it." in page
    assert "was made, for 1 system and 7 days." not in page
    for action, number in ((Action.CODE_MADE, 2), (Action.CODE_REVOKED, 1), (Action.SYSTEM_JOINED, 1)):
        only = viewer_client.get(history, {"action": action.value}).content.decode()
        assert only.count('<tr id="record-') == number


def test_the_download_has_the_codes_without_what_would_tell_them(
    administrator_client: Client, books: Books, organization: Organization, administrator: User
) -> None:
    text = code_for(organization, administrator, uses=3)
    post_report(system_file(vessel()), text)
    files = export(administrator_client)
    [row] = rows(files["registration-codes.csv"])
    assert tuple(row) == tuple(map(str, CODE_COLUMNS))
    assert (row["Name"], row["Last symbols"], row["Made by"]) == ("Site", text[-5:], str(administrator))
    assert (row["Systems"], row["Joined"], row["State"], row["Revoked at"]) == ("3", "1", "Open", "")
    everything = "".join(files.values())
    assert text not in everything
    assert RegistrationCode.objects.get().digest not in everything
    for column in CODE_COLUMNS:
        assert f"  {column}: " in files["README.txt"]


def test_closing_an_organization_revokes_its_open_codes(
    books: Books, organization: Organization, administrator: User
) -> None:
    """R35: nothing joins a closed organization, and the answer is that of a wrong code."""
    text, used = code_for(organization, administrator), code_for(organization, administrator)
    assert post_report(system_file(vessel()), used).status_code == 200
    note_export(organization=organization, actor=administrator, on=DAY)
    close_organization(organization=organization, typed_name=organization.name, actor=administrator, on=DAY)
    revoked = {code.tail: code.revoked_at is not None for code in RegistrationCode.objects.all()}
    assert revoked == {text[-5:]: True, used[-5:]: False}
    answers = [post_report(system_file(vessel()), code) for code in (text, "WRONG")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()


def test_verify_books_counts_who_joined_by_each_code(
    books: Books, organization: Organization, administrator: User, outsider: User, other_organization: Organization
) -> None:
    text = code_for(organization, administrator, uses=3)
    for name in ("One", "Two"):
        assert post_report(system_file(vessel(name)), text).status_code == 200
    code = RegistrationCode.objects.get()
    # A system that was removed has joined all the same.
    identity = SystemIdentity.objects.first()
    assert identity is not None
    remove_system(system=identity.system, actor=None, on=DAY)
    assert verify_books().differences == []
    row = f"hardware_registrationcode {code.pk}"
    RegistrationCode.objects.update(used=3)
    assert verify_books().differences == [f"{row}: it was used 3 times, 2 systems joined by it"]
    RegistrationCode.objects.update(used=2)
    code_for(other_organization, outsider)
    theirs = RegistrationCode.objects.latest("pk")
    SystemIdentity.objects.filter(pk=identity.pk).update(joined_by=theirs)
    assert verify_books().differences == [
        f"{row}: it was used 2 times, 1 systems joined by it",
        f"hardware_registrationcode {theirs.pk}: a system of another organization joined by it",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "/o/harbour/",
        "/o/harbour/products/camera-station/systems/",
        "/o/harbour/products/register/",
    ],
)
def test_the_way_to_the_codes(manager_client: Client, books: Books, url: str) -> None:
    """From where systems are registered, with and without one."""
    if "camera-station" not in url:
        assert f'href="{CODES}"' in manager_client.get(url).content.decode()
    books.report(DAY, core=1)
    assert f'href="{CODES}"' in manager_client.get(url).content.decode()
