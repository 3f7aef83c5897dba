"""What production refuses to start with, each as the sentence that the operator reads. Looks at settings, changes nothing."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Only for the demonstration and for tests: whoever reads the code knows it.
UNSAFE = "unsafe-for-demonstration-and-tests-only-0123456789-abcdefghijklmnopqrstuvwxyz"
_SECRETS = ("SECRET_KEY", "LICENSE_KEY_PEPPER", "ENCRYPTION_SECRET")
_LISTS_OF_SECRETS = tuple(f"{name}_FALLBACKS" for name in _SECRETS)
_CACHES_OF_ONE_PROCESS = ("locmem.LocMemCache", "dummy.DummyCache")
_SHORTEST_TOKEN = 32

Settings = Mapping[str, Any]


def refusals(settings: Settings) -> list[str]:
    """Why production must not start with these settings; empty where it may."""
    return [
        *_of_debugging(settings),
        *_of_hosts(settings),
        *_of_secrets(settings),
        *_of_plain_http(settings),
        *_of_processes(settings),
        *_of_signing_in(settings),
    ]


def refusals_of_server(settings: Settings, *, workers: int, addresses: Sequence[object]) -> list[str]:
    """Why the web server must not start so: ``workers`` processes, listening on ``addresses``, (host, port) or a socket's path."""
    hosts = [str(address[0]) for address in addresses if isinstance(address, tuple)]
    refused = []
    if settings["SQLITE"] and workers > 1:
        refused.append(_too_many(workers))
    if settings["INSECURE_LOOPBACK"] and (open_to := [host for host in hosts if not _is_loopback(host)]):
        refused.append(
            f"INSECURE_LOOPBACK is on, and plain http would be spoken on {', '.join(open_to)}. Listen on 127.0.0.1, or unset it."
        )
    return refused


def _of_debugging(settings: Settings) -> Iterable[str]:
    if settings["DEBUG"]:
        yield "DEBUG is on in production. Unset DEBUG."


def _of_hosts(settings: Settings) -> Iterable[str]:
    hosts = settings["ALLOWED_HOSTS"]
    if not hosts:
        yield "ALLOWED_HOSTS is empty. Set it to the host names of this portal, separated by commas."
    if "*" in hosts:
        yield "ALLOWED_HOSTS lets every host in. Set it to the host names of this portal."


def _of_secrets(settings: Settings) -> Iterable[str]:
    secrets = [settings[name] for name in _SECRETS]
    for name in _SECRETS:
        if _is_weak(settings[name]):
            yield f"{name} is too weak. Set it to at least 50 random characters."
    for name in _LISTS_OF_SECRETS:
        if any(map(_is_weak, settings[name])):
            yield f"One of {name} is too weak. Set each to at least 50 random characters, separated by commas or lines."
        secrets += settings[name]
    if len(set(secrets)) < len(secrets):
        yield f"Two of {', '.join((*_SECRETS, *_LISTS_OF_SECRETS))} are the same. Set each to random characters of its own."
    if settings["METRICS_TOKEN"] and len(settings["METRICS_TOKEN"]) < _SHORTEST_TOKEN:
        yield f"METRICS_TOKEN is too short. Set it to at least {_SHORTEST_TOKEN} random characters, or unset it."


def _is_weak(secret: str) -> bool:
    return len(secret) < 50 or len(set(secret)) < 10 or secret == UNSAFE


def _of_plain_http(settings: Settings) -> Iterable[str]:
    beyond = [host for host in settings["ALLOWED_HOSTS"] if not _is_loopback(host)]
    if settings["INSECURE_LOOPBACK"] and beyond:
        yield (
            f"INSECURE_LOOPBACK is on, and ALLOWED_HOSTS names {', '.join(beyond)}, which is not this machine: passwords would be "
            "sent in clear. Unset INSECURE_LOOPBACK and put a proxy before the portal that ends TLS (TRUSTED_PROXY)."
        )
    if any(network.prefixlen == 0 for network in settings["TRUSTED_PROXIES"]):
        yield (
            "TRUSTED_PROXY lets every address be the proxy, so that anybody could say that plain http was https. Set it to the "
            "proxy's address or network."
        )


def _is_loopback(host: str) -> bool:
    name = host.strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _of_processes(settings: Settings) -> Iterable[str]:
    if settings["SQLITE"] and settings["WEB_CONCURRENCY"] > 1:
        yield _too_many(settings["WEB_CONCURRENCY"])
    if settings["CACHES"]["default"]["BACKEND"].endswith(_CACHES_OF_ONE_PROCESS):
        yield (
            "The cache is one of a single process, so that each would count wrong tries for itself. Set REDIS_URL, or leave the "
            "cache in the database."
        )


def _too_many(processes: int) -> str:
    return (
        f"SQLite is for one process of the web server, and {processes} are wanted (WEB_CONCURRENCY, --workers). Start one, or set "
        "DATABASE_URL to PostgreSQL."
    )


def _of_signing_in(settings: Settings) -> Iterable[str]:
    limits = settings["ACCOUNT_RATE_LIMITS"]
    # allauth's own limits hold where nothing is said of them; the admin site sends people to its sign-in (portal/admin_login.py).
    is_limited = limits is not False and limits.get("login_failed", "default") and limits.get("login", "default")
    if not is_limited or "allauth.account.middleware.AccountMiddleware" not in settings["MIDDLEWARE"]:
        yield (
            "Signing in has no limit of wrong passwords, so that the admin site has none either. Leave login and login_failed of "
            "ACCOUNT_RATE_LIMITS as they are."
        )
