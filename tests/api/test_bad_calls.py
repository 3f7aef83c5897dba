"""Whatever is sent to the addresses of systems: a problem with a sentence, never an error of the server (RFC 9457, R28)."""

import gzip
from collections import Counter
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from hardware import calling
from hardware.models import Report
from licensemgr.core import clock
from licensemgr.core.signed import MAXIMUM_BYTES
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Organization, User
from tests.api.calls import DOCUMENT, REPORTS, code_for, get_license, license_url, post_report, request_proof
from tests.api.test_reports import refused
from tests.factories import Books, check_conservation, dump_books
from tests.hardware.mutating import NOON, Mutator
from tests.hardware.offline import system_file, vessel

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests send more than anybody may."""
    monkeypatch.setattr(settings, "API_CALLS_PER_HOUR", 10**6)
    monkeypatch.setattr("hardware.calling.take_unproved_place", lambda address: "place")


def is_problem(answer: Any) -> str:
    """The kind of a problem whose sentence a person can read."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert 10 < len(problem["detail"]) < 400
    kind: str = problem["type"].removeprefix("urn:license-manager:problem:")
    return kind


def test_every_altered_byte_of_a_report_is_refused(
    books: Books, organization: Organization, administrator: User
) -> None:
    system = vessel()
    good = system_file(system)
    assert post_report(good, code_for(organization, administrator)).status_code == 200
    before = dump_books(organization)
    client = Client()
    for place in range(len(good)):
        altered = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        assert is_problem(post_report(altered, client=client)) == "document-refused", place
    assert Report.objects.count() == 1
    assert dump_books(organization) == before


def test_bodies_that_are_no_report(books: Books, organization: Organization, administrator: User) -> None:
    system = vessel()
    good = system_file(system)
    code = code_for(organization, administrator)
    refused(post_report(b" " * 10, code), 422, "document-refused")
    refused(post_report(gzip.compress(good), code), 422, "document-refused")
    packed = Client().post(
        REPORTS, gzip.compress(good), content_type=DOCUMENT,
        headers={"Registration-Code": code, "Content-Encoding": "gzip"},
    )  # fmt: skip
    assert "Send the file as it is." in refused(packed, 415, "encoding-not-taken")
    large = post_report(good + b" " * (MAXIMUM_BYTES + 1 - len(good)), code)
    refused(large, 413, "too-large")
    # As large as a file may be it is read, whatever is in it.
    refused(post_report(b"[" * MAXIMUM_BYTES, code), 422, "document-refused")
    chunked = Client().generic("POST", REPORTS, b"", content_type=DOCUMENT, headers={"Transfer-Encoding": "chunked"})
    refused(chunked, 411, "length-required")
    assert not Report.objects.exists()
    # What the body says that it is does not matter; a form's fields are not looked for in it.
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "é"):
        answer = Client().post(REPORTS, good, content_type=kind, headers={"Registration-Code": code})
        assert answer.status_code == 200, (kind, answer.content)
    assert Report.objects.count() == 1


def test_other_methods_addresses_and_hosts() -> None:
    url = license_url(vessel())
    for address, allowed in ((REPORTS, "POST"), (url, "GET")):
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - {allowed}:
            answer = Client().generic(method, address)
            assert answer.status_code == 405, (method, address, answer.content)
            assert answer["Content-Type"] == "application/problem+json"
            assert answer["Allow"] == allowed
    for path in ("/api/v2/", "/api/v1/report", "/api/v1/systems/5/license", f"{REPORTS}/", "/api/"):
        assert is_problem(Client().post(path)) == "not-found"
    assert is_problem(Client().post(REPORTS, b"{}", content_type=DOCUMENT, headers={"Host": "a b"})) == "bad-request"


def test_headers_that_prove_nothing(books: Books, organization: Organization, administrator: User) -> None:
    system = vessel()
    post_report(system_file(system), code_for(organization, administrator))
    for proof in ("", ".", "..", "a.b.c", "é.é.é", "a" * 5000, "eyJ9.eyJ9.eyJ9", "[" * 3000 + ".."):
        answer = Client().get(license_url(system), headers={"System-Proof": proof})
        refused(answer, 401, "proof-refused")
    for changed in (
        {"nonce": "x" * 65},
        {"nonce": "\n" * 20},
        {"nonce": "\ud800" * 20},
        {"time": "2027-13-01T00:00:00Z"},
    ):
        assert is_problem(get_license(system, **changed)) == "proof-refused"
    assert get_license(system, nonce="é" * 20).status_code == 200
    for code in ("", "x" * 5000, "é", "\t", "' OR 1=1 --"):
        refused(post_report(system_file(vessel()), code), 401, "registration-needed")


def test_a_request_is_believed_only_with_the_signature_of_its_own_key(
    books: Books, organization: Organization, administrator: User
) -> None:
    """Whoever knows the name of a system's key, which is public, can write a request in its name, and can't sign it."""
    system, stranger = vessel(), vessel("Stranger")
    post_report(system_file(system), code_for(organization, administrator))
    url = license_url(system)

    def proof(of: SimulatedSystem) -> list[str]:
        return request_proof(of, f"http://testserver{url}", clock.real_now()).split(".")

    (header, payload, signature), (_header, other_payload, other_signature) = proof(system), proof(stranger)
    for forged in ((header, payload, other_signature), (header, other_payload, other_signature)):
        refused(Client().get(url, headers={"System-Proof": ".".join(forged)}), 401, "proof-refused")
    refused(Client().get(url, headers={"System-Proof": f"{header}.{other_payload}.{signature}"}), 401, "proof-refused")
    own = ".".join((header, payload, signature))
    assert Client().get(url, headers={"System-Proof": own}).status_code == 200


def test_fuzzed_reports_are_never_more_than_refused(
    books: Books, organization: Organization, administrator: User
) -> None:
    mutator = Mutator(6)
    code = code_for(organization, administrator, uses=500)
    first = mutator.system.system_file(at=NOON, counts={"core-device": 1}, sequence=1)
    assert post_report(first, code).status_code == 200
    client, outcomes = Client(), Counter[str]()
    for body in mutator.bodies(500):
        answer = post_report(body, code, client)
        outcomes[str(answer.status_code) if answer.status_code in (200, 202) else is_problem(answer)] += 1
    print(dict(outcomes))
    assert outcomes["document-refused"] > 300
    # Some were good, some in the name of other systems: all that was reached by them holds.
    assert outcomes["200"] and outcomes["older-sequence"]
    check_conservation(organization)


def test_a_database_that_is_busy_is_told_as_such(
    books: Books, organization: Organization, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, code = vessel(), code_for(organization, administrator)
    document = system_file(system)

    def busy(*arguments: Any, **options: Any) -> Any:
        raise OperationalError("database is locked")

    monkeypatch.setattr(calling, "accept_report", busy)
    answer = post_report(document, code)
    assert "Send the very same request again" in refused(answer, 503, "busy")
    assert answer["Retry-After"] == "10"
    monkeypatch.undo()
    assert post_report(document, code).status_code == 200
    assert Report.objects.count() == 1
