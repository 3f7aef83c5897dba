"""Whether an address has an account shows in no answer and in no work done for it: sign-up, sign-in, reset, change."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from licensemgr.core.models import OutboxMessage
from organizations.models import User
from tests.factories import UserFactory
from tests.organizations.account_pages import PASSWORD, Answer, last_mail, shown, sign_up

pytestmark = pytest.mark.django_db
# Of the page's length, of the moment, and drawn for each request: they tell nothing of an address.
VARYING = ("Content-Length", "Expires", "X-Request-ID")
# Of one length, so that no answer differs by what was typed.
KNOWN, UNKNOWN = "known-one@example.com", "nobody-is@example.com"


@dataclass(frozen=True)
class Work:
    """What a request cost: hashes of passwords, and what was asked of the database, table by table."""

    hashes: int
    queries: tuple[str, ...]


@pytest.fixture(autouse=True)
def known() -> User:
    """Somebody who has an account."""
    return UserFactory.create(email=KNOWN)


@pytest.fixture
def measured(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[], Answer]], tuple[Answer, Work]]:
    """Does something and tells what it cost."""
    hashes: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashes.append(salt)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)

    def measure(act: Callable[[], Answer]) -> tuple[Answer, Work]:
        cache.clear()
        hashes.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = act()
        return answer, Work(len(hashes), tuple(_kind(query["sql"]) for query in queries))

    return measure


def _kind(sql: str) -> str:
    """The verb and the tables of a query."""
    tables = re.findall(r'(?:FROM|INTO|UPDATE|JOIN) "?(\w+)"?', sql)
    return " ".join([sql.split()[0], *tables])


def _both(measured: Callable, act: Callable[[Client, str], Answer]) -> tuple[Answer, Work]:
    """Do it for either address in a browser of its own; both get the same, for the same work. Returns the unknown one's."""
    answers = {}
    for address in (KNOWN, UNKNOWN):
        client = Client()
        answer, work = measured(lambda client=client, address=address: act(client, address))
        page = shown(client.get(answer["Location"]) if answer.has_header("Location") else answer, address)
        headers = {name: value for name, value in answer.headers.items() if name not in VARYING}
        answers[address] = (answer.status_code, headers, sorted(answer.cookies), page, work)
    assert answers[KNOWN] == answers[UNKNOWN]
    return answer, work


def test_signing_up(measured: Callable) -> None:
    answer, work = _both(measured, lambda client, address: sign_up(client, email=address))
    assert answer.status_code == 303
    assert work.hashes == 1
    assert OutboxMessage.objects.count() == 2
    assert User.objects.count() == 1
    # The owner is told how to sign in; there is no code that could be typed.
    told = last_mail(KNOWN).body_text
    assert "You have an account with it already" in told and "/accounts/login/" in told
    assert not re.search(r"[A-Z]{4}-[A-Z]{4}", told)


@pytest.mark.parametrize("typed", [{"code": "WRNG-WRNG"}, {"action": "resend"}, {}], ids=["wrong", "resend", "empty"])
def test_the_code_page(measured: Callable, typed: dict[str, str]) -> None:
    def act(client: Client, address: str) -> Answer:
        sign_up(client, email=address)
        cache.clear()
        return client.post("/accounts/signup/code/", typed)

    _both(measured, act)


def test_signing_in_with_a_wrong_password(measured: Callable) -> None:
    def act(client: Client, address: str) -> Answer:
        return client.post("/accounts/login/", {"login": address, "password": PASSWORD})

    answer, work = _both(measured, act)
    assert answer.status_code == 422 and "is not right" in answer.content.decode()
    assert work.hashes == 1


def test_signing_in_with_the_password_of_a_sign_up(measured: Callable) -> None:
    """What was typed at sign-up lets nobody in before the code, so that trying it tells nothing."""

    def act(client: Client, address: str) -> Answer:
        sign_up(client, email=address)
        return Client().post("/accounts/login/", {"login": address, "password": PASSWORD})

    _both(measured, act)


@pytest.mark.parametrize("state", ["closed", "without a password"])
def test_signing_in_where_there_is_nothing_to_sign_in_with(measured: Callable, known: User, state: str) -> None:
    known.set_unusable_password()
    known.is_active = state != "closed"
    known.save()
    _both(measured, lambda client, address: client.post("/accounts/login/", {"login": address, "password": PASSWORD}))


def test_asking_for_a_new_password(measured: Callable) -> None:
    answer, work = _both(measured, lambda client, address: client.post("/accounts/password/reset/", {"email": address}))
    assert (answer.status_code, work.hashes) == (302, 0)
    assert "/accounts/password/reset/key/" in last_mail(KNOWN).body_text
    assert "There is no account with it" in last_mail(UNKNOWN).body_text


def test_too_many_tries_are_counted_by_what_was_typed() -> None:
    for address in (KNOWN, UNKNOWN):
        cache.clear()
        statuses = [
            Client().post("/accounts/login/", {"login": address, "password": PASSWORD}).content.decode()
            for _time in range(6)
        ]
        assert ["wrong too often" in page for page in statuses] == [False] * 5 + [True]
        cache.clear()
        assert [Client().post("/accounts/password/reset/", {"email": address}).status_code for _time in range(11)] == [
            302
        ] * 10 + [429]


def test_changing_to_an_address_of_somebody_else(measured: Callable) -> None:
    """Only who reads its mail learns that it has an account."""

    def act(client: Client, address: str) -> Answer:
        client.force_login(mover)
        client.post("/accounts/reauthenticate/", {"password": "correct horse battery staple"})
        cache.clear()
        return client.post("/accounts/email/", {"email": address, "action_add": ""})

    mover = UserFactory.create(email="mover@example.com")
    answer, _work = _both(measured, act)
    assert answer["Location"] == "/accounts/confirm-email/"
