"""The shop's calls: who is let in, what is answered, and that no body and no query makes the portal fail."""

import json
import logging
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models
from django.test import Client

from licensemgr.api.site import document, operations
from licensemgr.core import clock
from licensemgr.shop.models import OrderLine, Scope, ShopToken
from licensemgr.shop.tokens import revoke_token
from organizations.models import User
from products.models import Reseller, ResellerKind
from tests.factories import Books
from tests.shop.shopping import KEYS, get, post, token_for, wanted
from wallet.models import KeyBatch, LicenseKey
from wallet.services import redeem_license_key

pytestmark = pytest.mark.django_db
DAY = date(2027, 3, 1)
LINE = {"order": "PO-1", "line": "1"}
REASON = LINE | {"reason": "mail lost"}


@pytest.fixture
def token(staff: User, books: Books) -> str:
    """A token that may do everything."""
    return token_for(staff).token


def refused(answer: Any, status: int, kind: str) -> dict[str, Any]:
    """The problem, of that type."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert "no-store" in answer["Cache-Control"]
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:license-manager:problem:{kind}"
    assert problem["status"] == status
    return problem


def given(answer: Any, status: int = 201) -> dict[str, Any]:
    """The answer to a call that did something."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    content: dict[str, Any] = answer.json()
    return content


class TestTheCircle:
    def test_issue_ask_redeem_replace_revoke(self, token: str, books: Books) -> None:
        Reseller.objects.create(name="Nord Säkerhet", kind=ResellerKind.RESELLER, city="Lund", country="SE")
        reseller = {"name": "Nord Säkerhet", "city": "Lund", "country": "SE"}
        issued = given(post(token, wanted(reseller=reseller, redeem_by="2028-02-29")))
        about = {name: issued[name] for name in issued if name != "keys"}
        assert about == {
            **LINE,
            "product": "camera-station",
            "kind": "subscription",
            "licenses": {"core-device": 10},
            "reseller": reseller,
            "redeem_by": "2028-02-29",
            "batch": 1,
        }
        first = issued["keys"]
        assert [key["tail"] for key in first] == [key["key"][-5:] for key in first]
        repeat = refused(post(token, wanted(reseller=reseller)), 409, "order-line-issued")
        assert repeat["keys"] == [{"id": key["id"], "tail": key["tail"], "state": "free", "batch": 1} for key in first]
        books.report(DAY, core=1)
        redeem_license_key(registered_product=books.registered(), license_key=first[0]["key"], actor=None, on=DAY)
        known = given(get(token, **LINE), 200)["lines"]
        assert {name: known[0][name] for name in about} == about
        assert [key["state"] for key in known[0]["keys"]] == ["redeemed", "free", "free"]
        # Nothing of whose wallet it is.
        assert books.organization.name not in json.dumps(known) and "harbour" not in json.dumps(known)
        replaced = given(post(token, REASON | {"batch": 1}, "/replace"))
        assert (replaced["batch"], len(replaced["keys"])) == (2, 2)
        assert {name: replaced[name] for name in about} == about | {"batch": 2}
        late = refused(post(token, REASON | {"batch": 1}, "/replace"), 409, "order-line-replaced")
        assert [key["state"] for key in late["keys"]] == ["redeemed", "revoked", "revoked", "free", "free"]
        ids = [key["id"] for key in replaced["keys"]]
        stuck = refused(post(token, REASON | {"ids": [first[0]["id"], *ids]}, "/revoke"), 409, "keys-not-revoked")
        assert [(key["id"], key["state"]) for key in stuck["keys"]] == [(first[0]["id"], "redeemed")]
        assert LicenseKey.objects.filter(revoked_at=None).count() == 3
        one = given(post(token, REASON | {"ids": ids[:1]}, "/revoke"), 200)
        assert (one["revoked"], [key["state"] for key in one["keys"]][3:]) == (1, ["revoked", "free"])
        assert given(post(token, REASON, "/revoke"), 200)["revoked"] == 1
        refused(post(token, REASON, "/replace"), 409, "nothing-to-replace")
        refused(post(token, REASON, "/revoke"), 409, "keys-not-revoked")

    def test_a_thousand_keys_and_no_more(self, token: str) -> None:
        assert len(given(post(token, wanted(count=1000)))["keys"]) == 1000
        refused(post(token, wanted(line="2", count=1001)), 422, "invalid-request")
        assert LicenseKey.objects.count() == 1000
        ids = list(LicenseKey.objects.values_list("pk", flat=True))
        assert given(post(token, REASON | {"ids": ids}, "/revoke"), 200)["revoked"] == 1000

    def test_what_is_not_known(self, token: str) -> None:
        refused(post(token, wanted(product="other")), 422, "order-not-understood")
        refused(post(token, wanted(licenses={"audio-device": 1})), 422, "order-not-understood")
        refused(post(token, wanted(redeem_by="2027-02-28")), 422, "order-not-understood")
        refused(get(token, order="PO-1"), 404, "order-unknown")
        for path in ("/replace", "/revoke"):
            refused(post(token, REASON, path), 404, "order-unknown")
        assert not OrderLine.objects.exists()


class TestTheDoor:
    def calls(self, token: str) -> dict[str, Any]:
        """Every operation once, by its scope's name and its own."""
        return {
            "keys:issue issue": post(token, wanted()),
            "keys:read": get(token, **LINE),
            "keys:issue replace": post(token, REASON, "/replace"),
            "keys:revoke": post(token, REASON, "/revoke"),
        }

    def test_without_a_token_in_force_nothing_is_told(self, staff: User, token: str) -> None:
        over, revoked = token_for(staff), token_for(staff)
        ShopToken.objects.filter(pk=over.row.pk).update(expires_at=clock.real_now())
        revoke_token(token=revoked.row, actor=staff)
        answers = [
            answer
            for each in ("", "lms_wrong", token + "x", over.token, revoked.token, "å" * 300)
            for answer in self.calls(each).values()
        ]
        assert {refused(answer, 401, "token-refused")["detail"] for answer in answers} == {answers[0].json()["detail"]}
        assert {answer["WWW-Authenticate"] for answer in answers} == {"Bearer"}
        for scheme in ("Basic", "Token"):
            client = Client(headers={"Authorization": f"{scheme} {token}"})
            refused(client.get(KEYS, LINE), 401, "token-refused")
        assert not KeyBatch.objects.exists()

    def test_a_session_of_staff_is_no_token(self, staff_client: Client) -> None:
        refused(staff_client.get(KEYS, LINE), 401, "token-refused")
        answer = staff_client.post(KEYS, json.dumps(wanted()), content_type="application/json")
        refused(answer, 401, "token-refused")

    @pytest.mark.parametrize("scope", Scope.values)
    def test_a_token_does_what_its_scope_says_and_nothing_else(self, staff: User, token: str, scope: str) -> None:
        given(post(token, wanted()))
        for name, answer in self.calls(token_for(staff, scope).token).items():
            if name.split()[0] == scope:
                assert answer.status_code in (200, 201, 409)
            else:
                problem = refused(answer, 403, "scope-missing")
                assert name.split()[0] in problem["detail"]

    def test_calls_of_a_token_are_limited(self, staff: User, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "SHOP_CALLS_PER_HOUR", 2)
        assert [get(token, **LINE).status_code for _number in range(3)] == [404, 404, 429]
        answer = post(token, wanted())
        refused(answer, 429, "too-many-calls")
        assert 3500 < int(answer["Retry-After"]) <= 3601
        assert not KeyBatch.objects.exists()
        assert get(token_for(staff).token, **LINE).status_code == 404

    def test_wrong_tokens_are_limited_and_right_ones_are_not_in_their_way(
        self, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "API_UNPROVED_CALLS_PER_HOUR", 3)
        answers = [get(f"lms_{number}", **LINE) for number in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert 1 <= int(answers[-1]["Retry-After"]) <= 3600
        assert get(token, **LINE).status_code == 404

    def test_when_a_token_was_last_used_is_noted(self, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        later = clock.real_now() + timedelta(minutes=5)
        monkeypatch.setattr(clock, "real_now", lambda: later)
        get(token, **LINE)
        assert ShopToken.objects.get().last_used_at == later


DEEP = b'{"order":' + b"[" * 5000 + b"]" * 5000 + b"}"
BODIES: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 422, "invalid-request"),
    "no JSON": (b"order=PO-1", 400, "bad-request"),
    "half": (b'{"order": "PO-1"', 400, "bad-request"),
    "a list": (b"[]", 400, "bad-request"),
    "a text": (b'"x"', 400, "bad-request"),
    "null": (b"null", 400, "bad-request"),
    "an empty object": (b"{}", 422, "invalid-request"),
    "NaN": (json.dumps(wanted(count=float("nan"))).encode(), 400, "bad-request"),
    "infinity": (b'{"count": -Infinity}', 400, "bad-request"),
    "a fraction": (b'{"count": 1.5}', 400, "bad-request"),
    "an exponent": (b'{"count": 1e99999}', 400, "bad-request"),
    "an endless number": (b'{"count": ' + b"9" * 5000 + b"}", 400, "bad-request"),
    "a number beyond all databases": (json.dumps(wanted(count=2**53)).encode(), 400, "bad-request"),
    "a name twice": (b'{"order": "PO-1", "order": "PO-2"}', 400, "bad-request"),
    "deep": (DEEP, 400, "bad-request"),
    "a NUL": (b'{"order": "PO-1\\u0000"}', 400, "bad-request"),
    "a lone surrogate": (b'{"order": "\\ud800"}', 400, "bad-request"),
    "UTF-16": (json.dumps(wanted()).encode("utf-16"), 400, "bad-request"),
    "Latin-1": ('{"order": "å"}'.encode("latin-1"), 400, "bad-request"),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400, "bad-request"),
    "65 KiB": (b'{"order": "' + b"x" * 65 * 1024 + b'"}', 413, "too-large"),
    "2 MiB": (b" " * 2 * 1024 * 1024, 413, "too-large"),
    "11 MiB": (b" " * 11 * 1024 * 1024, 413, "too-large"),
}


class TestBodies:
    @pytest.mark.parametrize("path", ["", "/replace", "/revoke"])
    @pytest.mark.parametrize("name", BODIES)
    def test_a_body_that_can_not_be_read(self, token: str, name: str, path: str) -> None:
        body, status, kind = BODIES[name]
        problem = refused(post(token, body, path), status, kind)
        assert "Nothing was changed" in problem["detail"]

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "",
        ],
    )
    def test_a_body_of_another_type(self, token: str, content_type: str) -> None:
        body = json.dumps(wanted()).encode()
        refused(post(token, body, content_type=content_type), 415, "content-type")

    @pytest.mark.parametrize(
        "changed",
        [
            {"order": ""},
            {"order": " PO-1"},
            {"order": "PO-1\n"},
            {"order": "PO–1"},
            {"order": "x" * 81},
            {"order": 1},
            {"order": ["PO-1"]},
            {"line": "x\ty"},
            {"line": {}},
            {"product": "Camera Station"},
            {"product": "camera-station\n"},
            {"kind": "forever"},
            {"kind": None, "Kind": "subscription"},
            {"licenses": {}},
            {"licenses": []},
            {"licenses": {"core-device": -1}},
            {"licenses": {"core-device": True}},
            {"licenses": {"core-device": "10"}},
            {"licenses": {"core-device": 1_000_001}},
            {"licenses": {"core device": 1}},
            {"licenses": {f"type-{number}": 1 for number in range(51)}},
            {"count": 0},
            {"count": True},
            {"count": "3"},
            {"redeem_by": "2027-02-29"},
            {"redeem_by": "2028-1-1"},
            {"redeem_by": "20280101"},
            {"redeem_by": 1_800_000_000},
            {"redeem_by": "1800000000"},
            {"redeem_by": "٢٠٢٨-٠١-٠١"},
            {"reseller": "Nord"},
            {"reseller": {"name": "Nord", "city": "Lund"}},
            {"reseller": {"name": "Nord", "city": "Lund", "country": "se"}},
            {"reseller": {"name": "Nord", "city": "Lund", "country": "SE", "id": 1}},
            {"actor": 1},
        ],
        ids=str,
    )
    def test_members_that_are_not_as_described(self, token: str, changed: dict[str, Any]) -> None:
        problem = refused(post(token, wanted(**changed)), 422, "invalid-request")
        assert problem["errors"]
        assert not OrderLine.objects.exists()

    @pytest.mark.parametrize(
        ("path", "changed"),
        [
            ("/replace", {"reason": ""}),
            ("/replace", {"reason": " \n"}),
            ("/replace", {"reason": "x" * 121}),
            ("/replace", {"batch": 0}),
            ("/replace", {"batch": "1"}),
            ("/replace", {"ids": [1]}),
            ("/revoke", {"ids": []}),
            ("/revoke", {"ids": [0]}),
            ("/revoke", {"ids": ["1"]}),
            ("/revoke", {"ids": {"1": 1}}),
            ("/revoke", {"ids": list(range(1, 1002))}),
            ("/revoke", {"ids": [None] * 1000}),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_members_of_the_other_calls(self, token: str, path: str, changed: dict[str, Any]) -> None:
        given(post(token, wanted()))
        problem = refused(post(token, REASON | changed, path), 422, "invalid-request")
        assert 1 <= len(problem["errors"]) <= 50
        assert LicenseKey.objects.filter(revoked_at=None).count() == 3

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("", 422),
            ("?line=1", 422),
            ("?order=", 422),
            ("?order=%20x", 422),
            ("?order=x&line=", 422),
            ("?order=" + "x" * 81, 422),
            ("?order=%00", 400),
            ("?order=%ff", 422),
            ("?order=%ed%a0%80", 422),
            ("?order=a&order=b", 404),
        ],
    )
    def test_queries(self, token: str, query: str, status: int) -> None:
        answer = Client().get(f"{KEYS}{query}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.content
        assert answer["Content-Type"] == "application/problem+json"

    def test_other_methods_and_addresses(self, token: str) -> None:
        client = Client(headers={"Authorization": f"Bearer {token}"})
        for method in ("put", "patch", "delete"):
            refused(getattr(client, method)(KEYS), 405, "method-not-allowed")
        refused(client.get(f"{KEYS}/replace"), 405, "method-not-allowed")
        refused(client.get(f"{KEYS}/none"), 404, "not-found")


def test_neither_keys_nor_tokens_are_kept_or_logged_in_clear(
    token: str, books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    """Every text in every table is looked through, and everything that was logged."""
    caplog.set_level(logging.DEBUG)
    secrets = [key["key"] for key in given(post(token, wanted()))["keys"]]
    secrets += [key["key"] for key in given(post(token, REASON, "/replace"))["keys"]]
    answers = [post(token, wanted()), get(token, **LINE), post(token, REASON | {"ids": [999]}, "/revoke")]
    answers += [post(token, b"{"), post("x" + token, wanted()), post(token, REASON, "/revoke")]
    parts = [part for secret in (*secrets, token) for part in (secret[:20], secret[10:])]
    parts += [part.replace("-", "") for part in parts]
    for answer in answers:
        assert not [part for part in parts if part in answer.content.decode()]
    assert not [part for part in parts if part in caplog.text]
    for text in _texts_of_the_database():
        assert not [part for part in parts if part in text or part in text.replace("-", "")]


def _texts_of_the_database() -> Iterator[str]:
    for model in apps.get_models():
        fields = [each.attname for each in model._meta.concrete_fields if not isinstance(each, models.BinaryField)]
        for values in model._base_manager.values_list(*fields):
            yield " ".join(map(str, values))


class TestTheDocument:
    def test_every_refusal_comes_as_a_problem(self) -> None:
        made = document()
        for path, methods in made["paths"].items():
            for method, described in methods.items():
                for status, answer in described["responses"].items():
                    if int(status) >= 400:
                        assert list(answer["content"]) == ["application/problem+json"], (path, method, status)

    def test_operations_name_the_scope_that_they_need(self) -> None:
        paths = document()["paths"]
        needs = {
            described["operationId"]: described.get("security")
            for methods in paths.values()
            for described in methods.values()
        }
        assert len(needs) == len(list(operations()))
        assert needs["issue_keys"] == needs["replace_keys"] == [{"ShopBearer": ["keys:issue"]}]
        assert needs["order_keys"] == [{"ShopBearer": ["keys:read"]}]
        assert needs["revoke_keys"] == [{"ShopBearer": ["keys:revoke"]}]
        assert needs["report"] is needs["latest_license"] is None

    def test_every_status_that_the_tests_above_saw_is_told_of_each_operation(self) -> None:
        for path, methods in document()["paths"].items():
            if not path.startswith(KEYS):
                continue
            for method, described in methods.items():
                expected = {"400", "401", "403", "422", "429", "503"}
                expected |= {"200", "404"} if method == "get" else {"409", "413", "415"}
                assert expected <= set(described["responses"]), (path, method)
