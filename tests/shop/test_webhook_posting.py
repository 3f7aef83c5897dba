"""One POST: to the address that was looked up, under a certificate that is believed, no redirect, and never for too long."""

import socket
import ssl
import threading
from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings

from licensemgr.shop.addresses import target_of
from licensemgr.shop.posting import Answer, post
from tests.shop.receiving import Authority, Names, drips, raw_server, receiver

HEADERS = {"webhook-id": "1", "Content-Type": "application/json"}
SHORT = 0.3
# Much longer than a try may take here, and much shorter than a server that goes on as long as it likes.
SOON = 3000


@pytest.fixture(autouse=True)
def on_this_machine(request: pytest.FixtureRequest, settings: Settings) -> None:
    """Servers of tests are on this machine, to which only the demonstration sends."""
    settings.DEMONSTRATION = True


def sent(
    url: str,
    authority: Authority | None = None,
    *,
    body: bytes = b"{}",
    within: float = 5,
    trust: ssl.SSLContext | None = None,
) -> Answer:
    """What becomes of a POST there."""
    trust = trust or (authority.trust if authority else ssl.create_default_context())
    return post(target_of(url), body, HEADERS, trust=trust, within=within)


class TestReaching:
    def test_the_shop_gets_path_headers_and_body(self, authority: Authority, names: Names) -> None:
        names.lead("shop.test", ["127.0.0.1"])
        with receiver(authority.context("shop.test")) as shop:
            answer = sent(f"https://shop.test:{shop.port}/hooks?a=b", authority, body=b'{"x":1}')
        assert (answer.status, answer.problem) == (200, "")
        [got] = shop.received
        assert (got.method, got.path, got.body) == ("POST", "/hooks?a=b", b'{"x":1}')
        assert got.headers["host"] == f"shop.test:{shop.port}"
        assert got.headers["webhook-id"] == "1" and got.headers["content-length"] == "7"

    def test_a_redirect_is_not_followed(self, authority: Authority, names: Names) -> None:
        names.lead("shop.test", ["127.0.0.1"])
        with receiver(authority.context("shop.test")) as shop, receiver() as inner:
            shop.answer = lambda got: (307, {"Location": f"http://127.0.0.1:{inner.port}/admin"})
            answer = sent(f"https://shop.test:{shop.port}/", authority)
        assert answer.status == 307
        assert (len(shop.received), inner.received) == (1, [])

    def test_no_proxy_of_the_environment_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with receiver() as shop, receiver() as proxy:
            for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            assert sent(f"http://127.0.0.1:{shop.port}/").status == 200
        assert (len(shop.received), proxy.received) == (1, [])

    def test_of_two_addresses_the_one_that_takes_the_connection(self, names: Names) -> None:
        with receiver() as shop:
            names.lead("localhost", ["127.0.0.9", "127.0.0.1"])
            assert sent(f"http://localhost:{shop.port}/").status == 200
        assert len(shop.received) == 1

    def test_nobody_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        answer = sent(f"http://127.0.0.1:{port}/")
        assert (answer.status, answer.problem) == (None, "No connection came about: Connection refused.")

    def test_what_is_no_http(self) -> None:
        def behave(connection: socket.socket, over: threading.Event) -> None:
            connection.recv(4096)
            connection.sendall(b"220 mail.example.com ESMTP\r\n")

        with raw_server(behave) as port:
            answer = sent(f"http://127.0.0.1:{port}/")
        assert (answer.status, answer.problem) == (None, "What it answered is no HTTP.")

    def test_a_connection_that_is_broken_off(self) -> None:
        with raw_server(lambda connection, over: connection.recv(1)) as port:
            answer = sent(f"http://127.0.0.1:{port}/")
        assert answer.status is None
        assert answer.problem == "The connection was broken off before an answer came."


class TestCertificates:
    def test_of_an_authority_that_nobody_knows(self, authority: Authority, names: Names) -> None:
        names.lead("shop.test", ["127.0.0.1"])
        with receiver(authority.context("shop.test")) as shop:
            answer = sent(f"https://shop.test:{shop.port}/")
        assert answer.status is None and "is not to be trusted (unable to get local issuer" in answer.problem
        assert shop.received == []

    def test_of_another_name(self, authority: Authority, names: Names) -> None:
        names.lead("shop.test", ["127.0.0.1"])
        with receiver(authority.context("other.test")) as shop:
            answer = sent(f"https://shop.test:{shop.port}/", authority)
        assert answer.status is None and "Hostname mismatch" in answer.problem
        assert shop.received == []

    def test_none_at_all(self, authority: Authority, names: Names) -> None:
        names.lead("shop.test", ["127.0.0.1"])
        with receiver() as shop:
            answer = sent(f"https://shop.test:{shop.port}/", authority)
        assert answer.problem == "No encrypted connection to shop.test came about."
        assert shop.received == []


class TestTheAddress:
    def test_it_is_looked_up_once_and_kept(self, authority: Authority, names: Names) -> None:
        """A name that leads elsewhere the next time it is asked: what was checked is what is connected to."""
        context = authority.context("shop.test")
        with receiver(context) as checked, receiver(context, address="127.0.0.2", port=checked.port) as other:
            names.lead("shop.test", ["127.0.0.1"], ["127.0.0.2"])
            assert sent(f"https://shop.test:{checked.port}/", authority).status == 200
            assert (len(checked.received), len(other.received)) == (1, 0)
            assert names.asked == ["shop.test"]

    @pytest.mark.parametrize(
        "addresses",
        [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"], ["::ffff:127.0.0.1"]],
    )
    def test_all_of_a_names_addresses_have_to_be_public(
        self, authority: Authority, names: Names, settings: Settings, addresses: list[str]
    ) -> None:
        settings.DEMONSTRATION = False
        names.lead("shop.test", addresses)
        with receiver(authority.context("shop.test")) as shop:
            answer = sent(f"https://shop.test:{shop.port}/", authority)
        assert answer.status is None
        assert answer.problem.startswith("Nothing was sent: shop.test leads to ")
        assert answer.problem.endswith(", which is no public address.")
        assert shop.received == []

    def test_plain_http_goes_to_this_machine_only(self, names: Names) -> None:
        names.lead("localhost", ["93.184.215.14"])
        answer = sent("http://localhost:8001/")
        assert answer.problem.startswith("Nothing was sent: plain http is for this machine only")

    def test_a_name_that_nobody_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def look_up(*args: object, **options: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        assert sent("https://shop.test/").problem == "The name shop.test was not found."

    def test_a_name_server_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: over.wait(20) and [])
        answer = sent("https://shop.test/", within=SHORT)
        over.set()
        assert answer.problem == "The name shop.test was not found within 0.3 seconds."
        assert answer.milliseconds < SOON


def _endless_continue(connection: socket.socket, over: threading.Event) -> None:
    # Where the other side went away with its window closed, the operating system notices after minutes.
    connection.settimeout(1)
    for _number in range(1_000_000):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def _silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(10)


@pytest.mark.parametrize(
    "behave",
    [
        drips(b"", b"H"),
        drips(b"HTTP/1.1 ", b"2"),
        drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"z"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        _endless_continue,
        _silent,
    ],
    ids=["a byte at a time", "in the status", "in a header", "go on, go on", "go on at once", "silent"],
)
def test_a_slow_answer_ends_in_time(behave: Callable[[socket.socket, threading.Event], object]) -> None:
    """Each byte comes long before a limit on a single read would strike."""
    with raw_server(behave) as port:
        answer = sent(f"http://127.0.0.1:{port}/", within=SHORT)
    assert (answer.status, answer.problem) == (None, "There was no answer within 0.3 seconds.")
    assert SHORT * 900 < answer.milliseconds < SOON


def test_so_does_one_that_never_ends_to_greet_in_tls(authority: Authority, names: Names) -> None:
    names.lead("shop.test", ["127.0.0.1"])
    # The beginning of a TLS record of 16 KiB, of which a byte comes at a time.
    with raw_server(drips(b"\x16\x03\x03\x40\x00\x02", b"\x00")) as port:
        answer = sent(f"https://shop.test:{port}/", authority, within=SHORT)
    assert (answer.status, answer.problem) == (None, "There was no answer within 0.3 seconds.")
    assert answer.milliseconds < SOON


def test_so_does_one_that_does_not_read_what_it_is_sent() -> None:
    with raw_server(_silent) as port:
        answer = sent(f"http://127.0.0.1:{port}/", body=b"x" * 50_000_000, within=SHORT)
    assert (answer.status, answer.problem) == (None, "There was no answer within 0.3 seconds.")
    assert answer.milliseconds < SOON


def test_a_status_counts_however_its_body_goes_on() -> None:
    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        drips(b"HTTP/1.1 200 OK\r\n\r\n", b"z")(connection, over)

    with raw_server(behave) as port:
        answer = sent(f"http://127.0.0.1:{port}/", within=SHORT)
    assert (answer.status, answer.problem) == (200, "")
    assert answer.milliseconds < SOON


def test_of_a_large_answer_only_the_beginning_is_read() -> None:
    """The server can't get rid of what nobody takes."""
    got_rid = []

    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 1_000_000)
        for _number in range(100):
            connection.sendall(b"z" * 1_000_000)
        got_rid.append(True)

    with raw_server(behave) as port:
        answer = sent(f"http://127.0.0.1:{port}/")
    assert (answer.status, got_rid) == (200, [])
