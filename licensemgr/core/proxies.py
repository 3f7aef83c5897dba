"""What stands before the portal is believed only from where it stands; and what looks after it asks without a host name."""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_SAID_BY_PROXIES = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REQUEST_ID")
PROBES = ("/healthz", "/readyz", "/metrics")


class ProxyMiddleware:
    """Forgets what only the trusted proxy may say, where somebody else says it; lets probes name any host.

    Probes and Prometheus ask each process by its address, which is no name of the portal's; what they are told has nothing to do
    with the host.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_from_proxy(request):
            for name in _SAID_BY_PROXIES:
                request.META.pop(name, None)
        if settings.ALLOWED_HOSTS and request.path in PROBES:
            request.META["HTTP_HOST"] = settings.ALLOWED_HOSTS[0]
        return self.get_response(request)


def is_from_proxy(request: HttpRequest) -> bool:
    """Whether the request was handed on by the trusted proxy. By a socket's path, without an address, it was."""
    if not settings.TRUSTED_PROXIES:
        return False
    address = request.META.get("REMOTE_ADDR", "")
    if not address:
        return True
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in settings.TRUSTED_PROXIES)
