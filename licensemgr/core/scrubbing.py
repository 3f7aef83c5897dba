"""What never leaves in a log or an error report: keys, tokens, passwords, sessions (tests send canaries through real requests).

Two nets. What looks like a secret is removed wherever it stands; and what this very request brought in its cookies, headers and
secret fields is removed whatever it looks like.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

REMOVED = "[removed]"
# In names of fields, parts of paths and headers.
_SECRET_NAME = re.compile(
    r"passw|secret|token|key|oak|code|otp|recovery|nonce|session|cookie|authoriz|csrf|pepper|uid|signature|proof",
    re.IGNORECASE,
)
_SHORTEST = 4
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # What a database says of the row that it refused.
    (re.compile(r"(DETAIL|CONTEXT):.*", re.DOTALL), rf"\1: {REMOVED}"),
    (re.compile(r"Key \(([^)]*)\)=\(.*?\)(?=\s|$)"), rf"Key (\1)=({REMOVED})"),
    # Credentials in an address.
    (re.compile(r"(\w+://)[^/\s@]*@"), rf"\1{REMOVED}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;]+", re.IGNORECASE), rf"\1 {REMOVED}"),
    (re.compile(r"\b(?:lms_|whsec_)[\w+/=-]+"), REMOVED),
    # Signed documents (JWS).
    (re.compile(r"\beyJ[\w-]+(?:\.[\w-]*)*"), REMOVED),
    # License keys, registration codes, owner authentication keys: groups of four or five, or 25 symbols in a row.
    (re.compile(r"(?<![\w-])(?:[0-9A-Za-z]{5}[- ]){3,}[0-9A-Za-z]{5}(?![\w-])"), REMOVED),
    (re.compile(r"(?<![\w-])[0-9A-Za-z]{4}(?:-[0-9A-Za-z]{4}){3,}(?![\w-])"), REMOVED),
    (re.compile(r"(?<![\w-])(?=[0-9A-Za-z]*\d)[0-9A-Za-z]{25}(?![\w-])"), REMOVED),
    # Anything that is named as a secret.
    (
        re.compile(
            r"(?i)\b([\w-]*(?:password|passwd|secret|token|sessionid|csrf\w*|license_key|oak|cookie|authorization|pepper)[\w-]*)"
            r"([\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"
        ),
        rf"\1\2{REMOVED}",
    ),
    # Long random texts that are no UUID: keys of sessions, links in mails, digests.
    (
        re.compile(
            r"(?<![\w-])(?![0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-]))(?=[\w-]*\d)[\w-]{32,}(?![\w-])"
        ),
        REMOVED,
    ),
)


def scrub(text: str, request: "HttpRequest | None" = None) -> str:
    """The text without what is secret, by its form or because ``request`` brought it as a secret."""
    if request is not None:
        for secret in _secrets_of(request):
            text = text.replace(secret, REMOVED)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def is_secret_name(name: str) -> bool:
    """Whether a field, a header or a part of a path of that name holds what nobody else may read."""
    return bool(_SECRET_NAME.search(name))


def _secrets_of(request: "HttpRequest") -> list[str]:
    """What the request brought that is secret, longest first; nothing of it is read that was not read before."""
    found = set(request.COOKIES.values())
    found |= {str(value) for name, value in request.META.items() if name.startswith("HTTP_") and is_secret_name(name)}
    match = request.resolver_match
    if match is not None:
        found |= {str(value) for name, value in match.kwargs.items() if is_secret_name(name)}
    # Parsed where a view or a middleware asked for it; asking here could read a body at the wrong moment.
    for form in (vars(request).get("GET"), vars(request).get("_post")):
        for name, values in form.lists() if form else ():
            if is_secret_name(name):
                found |= {str(value) for value in values}
    return sorted((secret for secret in found if len(secret) >= _SHORTEST), key=len, reverse=True)
