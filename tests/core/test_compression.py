"""Pages are compressed; secrets, files and what is streamed are not. Files of the stylesheet are kept for good."""

from gzip import decompress

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from django.urls import reverse

from licensemgr.core.middleware import CompressedPagesMiddleware

LONG = b"<p>Licenses</p>" * 100


def answered(response: HttpResponseBase, accepted: str = "gzip, br") -> HttpResponseBase:
    middleware = CompressedPagesMiddleware(lambda request: response)
    return middleware.process_response(RequestFactory().get("/", headers={"Accept-Encoding": accepted}), response)


def test_a_page_is_compressed_with_a_length_that_differs_each_time() -> None:
    answers = [answered(HttpResponse(LONG)) for _ in range(20)]
    for response in answers:
        assert isinstance(response, HttpResponse)
        assert response["Content-Encoding"] == "gzip" and "Accept-Encoding" in response["Vary"]
        assert decompress(response.content) == LONG
        assert int(response["Content-Length"]) == len(response.content)
    assert len({response["Content-Length"] for response in answers}) > 1


def test_a_browser_that_takes_no_gzip_gets_the_page_as_it_is() -> None:
    response = answered(HttpResponse(LONG), accepted="identity")
    assert isinstance(response, HttpResponse)
    assert "Content-Encoding" not in response and response.content == LONG


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(LONG, headers={"Cache-Control": "max-age=0, no-store"}),
        HttpResponse(LONG, content_type="application/json"),
        HttpResponse(LONG, content_type="application/zip"),
        StreamingHttpResponse(iter([LONG]), content_type="text/html"),
    ],
    ids=["shows a secret", "JSON", "a zip", "streamed"],
)
def test_nothing_else_is(response: HttpResponseBase) -> None:
    assert "Content-Encoding" not in answered(response)


@pytest.mark.django_db
def test_the_token_of_a_form_is_masked_anew_in_each_answer(client: Client) -> None:
    pages = [client.get(reverse("account_login")) for _ in range(2)]
    tokens = {str(page.context["csrf_token"]) for page in pages}
    assert len(tokens) == 2
