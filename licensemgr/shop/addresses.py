"""To which addresses webhooks may be sent: to public ones by https; in the demonstration to this machine as well."""

import contextlib
import ipaddress
import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAXIMUM_LENGTH = 500
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
# Old ways to write an IPv4 address (127.1, 0x7f000001, 2130706433), which the operating system understands.
_NUMBER_LAST = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\Z")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Of the IANA registries of special-purpose addresses, those that older versions of the library take for public ones: protocol
# assignments (a cloud's metadata among them), the former 6to4 relays, and documentation.
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))


class AddressRefused(Refused):
    """Nothing is sent to this address."""

    code = "webhook address"
    field = "url"


@dataclass(frozen=True)
class Target:
    """Where an address leads; ``path`` includes the query."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(url: str) -> Target:
    """Take an address apart. Raises AddressRefused for one to which nothing is ever sent."""
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise AddressRefused(
            _(
                "The address has to be one word of plain letters, such as https://shop.example.com/webhooks; names in "
                "other scripts are written as xn--…. Nothing was changed."
            )
        )
    if len(url) > MAXIMUM_LENGTH:
        raise AddressRefused(
            _("The address is longer than %(maximum)s characters. Nothing was changed.")
            % {"maximum": grouped(MAXIMUM_LENGTH)}
        )
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise AddressRefused(
            _("This is no address of the form https://host/path. Nothing was changed; look at host and port.")
        ) from error
    _check_parts(parts, url)
    literal = _check_host(host)
    is_local = settings.DEMONSTRATION and (host == "localhost" or (literal is not None and literal.is_loopback))
    if literal is not None and not is_local and not is_public(literal):
        raise _not_public(host)
    if host == "localhost" and not is_local:
        raise _not_public(host)
    if parts.scheme != "https" and not (is_local and parts.scheme == "http"):
        raise AddressRefused(
            _("The address has to begin with https://, so that nobody on the way reads along. Nothing was changed.")
        )
    port = (443 if parts.scheme == "https" else 80) if port is None else port
    if port != 443 and port < 1024 and not is_local:
        raise AddressRefused(
            _("The port has to be 443 or above 1023; others belong to other services. Nothing was changed.")
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public internet, and so is every IPv4 address that it stands for."""
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    if carried := _carried(address):
        return all(map(is_public, carried))
    return address in _GLOBAL_UNICAST and address.is_global


def may_be_asked(target: Target, address: IPAddress) -> bool:
    """Whether the host's address may be connected to; plain http and loopback are of the demonstration only."""
    if settings.DEMONSTRATION and address.is_loopback:
        return True
    return target.scheme == "https" and is_public(address)


def _carried(address: ipaddress.IPv6Address) -> Sequence[ipaddress.IPv4Address]:
    """The IPv4 addresses to which an IPv6 address leads by translating or by a tunnel."""
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return ()


def _check_parts(parts: urllib.parse.SplitResult, url: str) -> None:
    if "@" in parts.netloc:
        raise AddressRefused(
            _(
                "The address must not hold a name or password before the host: what is sent proves itself by its "
                "signature. Nothing was changed."
            )
        )
    if "#" in url:
        raise AddressRefused(_("The address must not have a part after “#”. Nothing was changed; leave it out."))


def _check_host(host: str) -> IPAddress | None:
    """The IP address that the host is, or None for a name. Raises AddressRefused for what is neither."""
    with contextlib.suppress(ValueError):
        literal = ipaddress.ip_address(host)
        # With a zone (fe80::1%eth0) it means something on this machine only.
        if "%" not in host:
            return literal
    if _NAME.match(host) and not _NUMBER_LAST.search(host) and ("." in host or host == "localhost"):
        return None
    raise AddressRefused(
        _(
            "The host has to be a full name such as shop.example.com, or a public IP address. Nothing was changed; "
            "correct it."
        )
    )


def _not_public(host: str) -> AddressRefused:
    return AddressRefused(
        _(
            "Webhooks are sent to public addresses only, and %(host)s is none. Nothing was changed; choose one that can be "
            "reached from the internet."
        )
        % {"host": host}
    )
