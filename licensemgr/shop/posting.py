"""One POST to a host whose address was looked up once, checked, and is the one that is connected to.

Nothing follows redirects, reads proxies from the environment, or goes on for longer than it may, whatever the other side does.
"""

import contextlib
import http.client
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from licensemgr.core.worded import gettext as _
from licensemgr.shop.addresses import Target, is_public, may_be_asked

# Seconds for all of it: looking up, connecting, sending, and the answer.
TIME_LIMIT = 5.0
# Of the answer's body no more is read, and nothing kept.
ANSWER_BYTES = 1024
# Of the addresses of one host so many are tried, one after the other.
_ADDRESSES_TRIED = 4


@dataclass(frozen=True)
class Answer:
    """What became of a POST: the status, or None where no answer came, and then in a sentence why."""

    status: int | None
    problem: str
    milliseconds: int


class _NoAnswer(Exception):
    """No answer came; its text is a sentence that says why."""


@dataclass(frozen=True)
class _Address:
    family: int
    sockaddr: Any  # as socket.connect takes it; its form depends on the family


class _Deadline:
    """The instant, by the monotonic clock, by which everything is over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left; never less than a little, as 0 means something else to sockets."""
        return max(self._until - time.monotonic(), 0.001)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def missed(self) -> _NoAnswer:
        """It was too slow."""
        return _NoAnswer(_("There was no answer within %(seconds)g seconds.") % {"seconds": self.seconds})


def post(
    target: Target, body: bytes, headers: Mapping[str, str], *, trust: ssl.SSLContext, within: float = TIME_LIMIT
) -> Answer:
    """Send ``body`` there within so many seconds, under a certificate that ``trust`` believes. Never raises for the other side."""
    began = time.monotonic()
    deadline = _Deadline(within)
    status, problem = None, ""
    try:
        addresses = _look_up(target, deadline)
        with _connection(addresses, deadline) as connection:
            status = _exchange(connection, target, body, headers, trust, deadline)
    except _NoAnswer as error:
        problem = str(error)
    return Answer(status, problem, int((time.monotonic() - began) * 1000))


def _look_up(target: Target, deadline: _Deadline) -> Sequence[_Address]:
    """The host's addresses, looked up once; all of them have to be allowed."""
    found: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.put(OSError(str(error)))

    # The operating system can't be told how long it may take, so it is asked by a thread that nobody waits for.
    threading.Thread(target=look_up, name="webhook host", daemon=True).start()
    try:
        answers = found.get(timeout=deadline.left)
    except queue.Empty:
        raise _NoAnswer(
            _("The name %(host)s was not found within %(seconds)g seconds.")
            % {"host": target.host, "seconds": deadline.seconds}
        ) from None
    if isinstance(answers, OSError) or not answers:
        raise _NoAnswer(_("The name %(host)s was not found.") % {"host": target.host})
    addresses = []
    for family, _type, _protocol, _name, sockaddr in answers:
        address = ipaddress.ip_address(sockaddr[0])
        if not may_be_asked(target, address):
            raise _NoAnswer(_refusal(target, address))
        addresses.append(_Address(family, sockaddr))
    return addresses


def _refusal(target: Target, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    told = {"host": target.host, "address": address}
    if is_public(address):
        return _("Nothing was sent: plain http is for this machine only, and %(host)s leads to %(address)s.") % told
    return _("Nothing was sent: %(host)s leads to %(address)s, which is no public address.") % told


@contextlib.contextmanager
def _connection(addresses: Sequence[_Address], deadline: _Deadline) -> Iterator[socket.socket]:
    """A connection to the first of these addresses that takes one; it is cut when the time is over."""
    plain = _connected(addresses, deadline)
    # A second handle on the same connection: the first one becomes another object when it is encrypted.
    handle = plain.dup()
    timer = threading.Timer(deadline.left, _cut, [handle])
    timer.daemon = True
    timer.start()
    try:
        yield plain
    finally:
        timer.cancel()
        # Not before it has let go of the handle, whose number the next connection may get.
        timer.join()
        handle.close()
        plain.close()


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _connected(addresses: Sequence[_Address], deadline: _Deadline) -> socket.socket:
    problem = ""
    tried = addresses[:_ADDRESSES_TRIED]
    for number, address in enumerate(tried):
        connection = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            # One that is silent leaves time for the next, as of two families often one leads nowhere.
            connection.settimeout(deadline.left / (len(tried) - number))
            connection.connect(address.sockaddr)
        except OSError as error:
            connection.close()
            if deadline.is_over:
                raise deadline.missed() from error
            problem = error.strerror or _("it did not answer")
        else:
            return connection
    raise _NoAnswer(_("No connection came about: %(problem)s.") % {"problem": problem})


def _exchange(
    plain: socket.socket,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    trust: ssl.SSLContext,
    deadline: _Deadline,
) -> int:
    """Send the request over that connection; returns the status of the answer."""
    try:
        plain.settimeout(deadline.left)
        if target.scheme == "https":
            with trust.wrap_socket(plain, server_hostname=target.host) as encrypted:
                secure = http.client.HTTPSConnection(target.host, target.port, context=trust)
                return _ask(secure, encrypted, target, body, headers, deadline)
        return _ask(http.client.HTTPConnection(target.host, target.port), plain, target, body, headers, deadline)
    except ssl.SSLCertVerificationError as error:
        raise _NoAnswer(
            _("Nothing was sent: the certificate of %(host)s is not to be trusted (%(problem)s).")
            % {"host": target.host, "problem": error.verify_message.rstrip(".")}
        ) from error
    except (OSError, http.client.HTTPException) as error:
        if deadline.is_over or isinstance(error, TimeoutError):
            raise deadline.missed() from error
        if isinstance(error, ssl.SSLError):
            raise _NoAnswer(_("No encrypted connection to %(host)s came about.") % {"host": target.host}) from error
        if isinstance(error, OSError):
            raise _NoAnswer(_("The connection was broken off before an answer came.")) from error
        raise _NoAnswer(_("What it answered is no HTTP.")) from error


def _ask(
    connection: http.client.HTTPConnection,
    over: socket.socket,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    deadline: _Deadline,
) -> int:
    # It never connects by itself, which would ask for the host's address anew.
    connection.auto_open = 0
    connection.sock = over
    connection.request("POST", target.path, body, {**headers, "Connection": "close"})
    over.settimeout(deadline.left)
    with contextlib.closing(connection.getresponse()) as response:
        # Headers that are cut off in their midst look like headers that ended.
        if deadline.is_over:
            raise deadline.missed()
        # The answer is known; how its body ends changes nothing.
        with contextlib.suppress(OSError, http.client.HTTPException):
            response.read(ANSWER_BYTES)
        return response.status
