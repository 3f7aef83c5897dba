"""Only the trusted proxy is believed, and probes need no host name."""

import ipaddress
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from licensemgr.core.proxies import ProxyMiddleware, is_from_proxy

PROXY = [ipaddress.ip_network("172.28.0.0/24"), ipaddress.ip_network("::1/128")]


@pytest.mark.parametrize(
    ("address", "is_believed"),
    [
        ("172.28.0.9", True),
        ("::ffff:172.28.0.9", True),
        ("::1", True),
        ("", True),
        ("172.28.1.9", False),
        ("203.0.113.5", False),
        ("nonsense", False),
    ],
)
def test_headers_of_a_proxy_count_from_its_own_addresses_only(
    address: str, is_believed: bool, settings: Settings, rf: RequestFactory
) -> None:
    settings.TRUSTED_PROXIES = PROXY
    said: dict[str, Any] = {
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_FOR": "198.51.100.7",
        "HTTP_X_REQUEST_ID": "a" * 20,
    }
    request = rf.get("/", REMOTE_ADDR=address, **said)
    assert is_from_proxy(request) is is_believed
    ProxyMiddleware(lambda seen: HttpResponse())(request)
    assert [name in request.META for name in said] == [is_believed] * 3


def test_without_a_proxy_nobody_is_believed(settings: Settings, rf: RequestFactory) -> None:
    settings.TRUSTED_PROXIES = []
    assert not is_from_proxy(rf.get("/", REMOTE_ADDR="127.0.0.1"))


def test_plain_http_is_sent_to_https_whatever_a_stranger_says(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = PROXY
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client = Client()
    said: dict[str, Any] = {"HTTP_X_FORWARDED_PROTO": "https"}
    assert client.get("/privacy/", REMOTE_ADDR="172.28.0.9", **said).status_code == 200
    stranger = client.get("/privacy/", REMOTE_ADDR="203.0.113.5", **said)
    assert (stranger.status_code, stranger["Location"]) == (301, "https://testserver/privacy/")


@pytest.mark.django_db
def test_probes_ask_by_address_and_plain_http(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    client = Client()
    assert client.get("/healthz", HTTP_HOST="10.0.0.7:8000").status_code == 200
    assert client.get("/readyz", HTTP_HOST="10.0.0.7:8000").status_code in (200, 503)
    settings.SECURE_SSL_REDIRECT = False
    assert client.get("/privacy/", HTTP_HOST="10.0.0.7:8000").status_code == 400


def test_it_comes_before_whatever_reads_what_the_proxy_said() -> None:
    assert django_settings.MIDDLEWARE[0] == "licensemgr.core.proxies.ProxyMiddleware"


def test_other_pages_keep_their_host(rf: RequestFactory) -> None:
    seen: list[HttpRequest] = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    ProxyMiddleware(answer)(rf.get("/privacy/", HTTP_HOST="elsewhere.example"))
    assert seen[0].META["HTTP_HOST"] == "elsewhere.example"
