"""The API's document: for programs as JSON, for people as a page that says the same, within the policy and without a script."""

import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from licensemgr.api.kinds import KINDS
from licensemgr.api.site import document
from tests.admin_pages import said

pytestmark = pytest.mark.django_db
PAGE = "/api/v1/"


def test_programs_read_the_document(client: Client) -> None:
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == document()
    assert answer.json()["openapi"] == "3.1.0"


def test_the_page_tells_every_operation_member_and_problem(client: Client) -> None:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    text, markup = said(answer), answer.content.decode()
    made = document()
    for path, methods in made["paths"].items():
        for method, described in methods.items():
            assert f"{method.upper()} {path}" in text
            assert described["summary"] in text.replace("’", "'")
            for parameter in described["parameters"]:
                assert parameter["name"] in text
    for name, schema in made["components"]["schemas"].items():
        assert markup.count(f'id="schema-{name}"') == 1
        for member in schema["properties"]:
            assert f">{member}</code>" in markup
    for kind, (status, meaning) in KINDS.items():
        assert f"{kind} {status} {meaning}" in text
    for scope in ("keys:issue", "keys:read", "keys:revoke"):
        assert f"Needs a token with the scope {scope}" in text
    assert "PO-1" not in text


def test_every_link_within_the_page_leads_somewhere(client: Client) -> None:
    markup = client.get(PAGE).content.decode()
    ids = re.findall(r'\sid="([^"]+)"', markup)
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'href="#([^"]+)"', markup))
    assert len(wanted) > 10
    assert wanted <= set(ids)
    assert 'href="/api/v1/openapi.json"' in markup


def test_nothing_comes_from_elsewhere(client: Client) -> None:
    answer = client.get(PAGE)
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.content.decode())


def test_the_footer_leads_there(client: Client) -> None:
    assert f'href="{PAGE}"' in client.get(reverse("verify")).content.decode()


def test_what_is_english_on_a_page_of_another_language_says_so(client: Client) -> None:
    markup = client.get(PAGE, headers={"accept-language": "de"}).content.decode()
    assert '<html lang="de"' in markup
    made = document()
    described = [each for methods in made["paths"].values() for each in methods.values()]
    for text in (*(each["summary"] for each in described), *(each["tags"][0] for each in described)):
        around = re.findall(rf"<[^>]+>{re.escape(html.escape(text))}<", markup)
        assert around and all('lang="en"' in each for each in around), text
