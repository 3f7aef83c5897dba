"""Signed documents: JWS in flattened JSON with Ed25519, read strictly.

What is signed says in its protected header of which type it is (``typ``), so that one kind of document is never taken for
another. Reading is strict: every byte of the outer form is fixed, so that any altered byte makes a document invalid; and the
JSON inside may hold nothing that two readers could understand in two ways.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _

MAXIMUM_BYTES = 20 * 1024 * 1024
# So many commas and brackets, in texts too, that a list of 100,000 devices is far from it; and so many objects and names in them,
# which take the most memory, that such a list just has its place. What is read takes some 350 MiB at most.
_MOST_SEPARATORS = 1_200_000
_MOST_OBJECTS_AND_NAMES = 500_000
# The outer form and the header hold three members each. Whoever sends more makes nobody read it.
_MOST_IN_OUTER_FORM = 100
_ALGORITHMS = ["Ed25519", "EdDSA"]


class _Registry(JWSRegistry):
    """The algorithm was checked when the document was read; EdDSA is an older name of the same, of which the library warns."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


# The library's own limits are those of web tokens; ours are checked when a document is read.
_REGISTRY = _Registry(algorithms=_ALGORITHMS)
_REGISTRY.max_payload_length = MAXIMUM_BYTES * 2
_MEMBERS = ("payload", "protected", "signature")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")
_LARGEST_INTEGER = 2**53 - 1


class DocumentRefused(Exception):
    """A document that can't be read or trusted; ``sentence`` says why, and names the place."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True)
class SignedDocument:
    """A document in its outer form, its signature not checked yet."""

    header: Mapping[str, Any]
    members: Mapping[str, str]

    @cached_property
    def payload(self) -> Mapping[str, Any]:
        """The content. It may be large: look at the signature before. Raises DocumentRefused."""
        return read_json(_decode(self.members["payload"], "payload"), _("The part “payload”"))

    @property
    def typ(self) -> str:
        return str(self.header["typ"])


def too_large() -> DocumentRefused:
    """The refusal of a document above MAXIMUM_BYTES."""
    return DocumentRefused(
        _("The file is larger than %(limit)s MiB.") % {"limit": grouped(MAXIMUM_BYTES // 1024 // 1024)}
    )


def _no_document() -> DocumentRefused:
    return DocumentRefused(
        _("The file is no signed document: it has to hold exactly payload, protected and signature, each as text.")
    )


def sign(payload: Mapping[str, Any], *, typ: str, key: OKPKey, **header: Any) -> bytes:
    """The document, signed; ``header`` is protected by the signature beside ``alg`` and ``typ``."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    made = jws.serialize_json(
        {"protected": {"alg": "Ed25519", "typ": typ, **header}}, body, key, algorithms=_ALGORITHMS
    )
    return _outer(made)


def _outer(members: Mapping[str, Any]) -> bytes:
    return json.dumps({name: members[name] for name in _MEMBERS}, separators=(",", ":")).encode() + b"\n"


def read(document: bytes, *, typ: str, key_named_by: str, exact: bool) -> SignedDocument:
    """The document's outer form; the signature is `check_signature`'s, and the content is read when it is asked for.

    Raises DocumentRefused.
    ``key_named_by`` is the header's third member, beside ``alg`` and ``typ``: "kid" or "jwk". There is no other. ``exact`` wants
    the outer form byte for byte as `sign` writes it, so that there is no byte that could be altered unnoticed.
    """
    if len(document) > MAXIMUM_BYTES:
        raise too_large()
    members = read_json(document, _("The file"), most=_MOST_IN_OUTER_FORM)
    if set(members) != set(_MEMBERS) or not all(isinstance(members[name], str) for name in _MEMBERS):
        raise _no_document()
    if exact and document != _outer(members):
        raise DocumentRefused(
            _("The file was altered after it was written: its outer form is not the one that is signed.")
        )
    header = _header(members["protected"])
    if header.get("typ") != typ:
        raise DocumentRefused(
            _("The file is not of the kind “%(wanted)s”; it says that it is “%(found)s”.")
            % {"wanted": typ, "found": _short(header.get("typ", ""))}
        )
    if header.get("alg") not in _ALGORITHMS:
        raise DocumentRefused(
            _("The part “protected” names the algorithm “%(found)s” in “alg”; it has to be Ed25519.")
            % {"found": _short(header.get("alg", ""))}
        )
    if set(header) != {"alg", "typ", key_named_by}:
        raise DocumentRefused(
            _("The part “protected” has to hold exactly alg, typ and %(name)s.") % {"name": key_named_by}
        )
    return SignedDocument(header, members)


def claimed_key(document: bytes) -> OKPKey:
    """The public key by which a document says that it is signed, before anything of it is checked. Raises DocumentRefused."""
    if len(document) > MAXIMUM_BYTES:
        raise too_large()
    members = read_json(document, _("The file"), most=_MOST_IN_OUTER_FORM)
    protected = members.get("protected")
    if not isinstance(protected, str):
        raise _no_document()
    return public_key(_header(protected).get("jwk"))


def _header(protected: str) -> dict[str, Any]:
    return read_json(_decode(protected, "protected"), _("The part “protected”"), most=_MOST_IN_OUTER_FORM)


def check_signature(document: SignedDocument, key: OKPKey) -> None:
    """Raises DocumentRefused unless the document was signed by that key."""
    if len(_decode(document.members["signature"], "signature")) != 64:
        raise DocumentRefused(_("The part “signature” is no Ed25519 signature: it has to be 64 bytes long."))
    try:
        jws.deserialize_json(
            {
                "payload": document.members["payload"],
                "protected": document.members["protected"],
                "signature": document.members["signature"],
            },
            key,
            registry=_REGISTRY,
        )
    except (JoseError, ValueError) as error:
        raise DocumentRefused(
            _("The signature is not right: the file was altered, or signed by another key.")
        ) from error


def public_key(jwk: object) -> OKPKey:
    """An Ed25519 public key from its JWK. Raises DocumentRefused for anything else, a private one too."""
    if isinstance(jwk, dict) and "d" in jwk:
        raise DocumentRefused(
            _(
                "The part “protected” gives a private key away in “jwk”. Make a new key, and never put its part “d” in a file."
            )
        )
    if (
        not isinstance(jwk, dict)
        or set(jwk) != {"kty", "crv", "x"}
        or (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519")
        or not isinstance(jwk["x"], str)
        or len(_decode(jwk["x"], "jwk")) != 32
    ):
        raise DocumentRefused(_("The part “protected” names no Ed25519 public key in “jwk”."))
    try:
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": jwk["x"]})
    except (JoseError, ValueError) as error:
        raise DocumentRefused(_("The part “protected” names no Ed25519 public key in “jwk”.")) from error


def _short(value: object) -> str:
    """What was found instead, short enough for a sentence."""
    return value[:60] if isinstance(value, str) else type(value).__name__


def _decode(text: str, name: str) -> bytes:
    """Base64url without padding in its one form: unused bits are zero."""
    refused = DocumentRefused(_("The part “%(name)s” is not base64url text.") % {"name": name})
    if not _BASE64URL.match(text) or len(text) % 4 == 1:
        raise refused
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() != text:
        raise refused
    return decoded


def read_json(data: bytes, where: str, *, most: int = _MOST_SEPARATORS) -> dict[str, Any]:
    """JSON that every reader understands alike: UTF-8, an object, no name twice, no number that is not whole or too large."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentRefused(
            _("%(where)s is not UTF-8 text (byte %(place)d).") % {"where": where, "place": error.start}
        ) from error
    too_many = DocumentRefused(_("%(where)s holds too many values.") % {"where": where})
    if text.count(",") + text.count("{") + text.count("[") > most:
        raise too_many
    left = _MOST_OBJECTS_AND_NAMES

    def refuse(what: str) -> Any:
        raise DocumentRefused(_("%(where)s holds %(what)s, which has no place there.") % {"where": where, "what": what})

    def whole(digits: str) -> int:
        if len(digits) > 17 or abs(int(digits)) > _LARGEST_INTEGER:
            refuse(_("a number that is too large (%(number)s…)") % {"number": digits[:20]})
        return int(digits)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal left
        left -= 1 + len(pairs)
        if left < 0:
            raise too_many
        found = dict(pairs)
        if len(found) != len(pairs):
            [(twice, _times)] = Counter(name for name, _value in pairs).most_common(1)
            refuse(_("the name “%(name)s” twice") % {"name": twice[:60]})
        return found

    try:
        parsed = json.loads(
            text,
            object_pairs_hook=once,
            parse_int=whole,
            parse_float=lambda digits: refuse(_("a number that is not whole (%(number)s)") % {"number": digits[:20]}),
            parse_constant=lambda name: refuse(name),
        )
        # Only an escape can bring in what the UTF-8 itself can't hold.
        storable = "\\u" not in text or _is_storable(parsed)
    # The parser gives up on nesting about a thousand deep by itself.
    except RecursionError as error:
        raise DocumentRefused(_("%(where)s is nested too deeply.") % {"where": where}) from error
    except ValueError as error:
        place = f" ({error.lineno}:{error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise DocumentRefused(_("%(where)s is not JSON%(place)s.") % {"where": where, "place": place}) from error
    if not isinstance(parsed, dict):
        raise DocumentRefused(_("%(where)s is not a JSON object.") % {"where": where})
    if not storable:
        refuse(_("a character that no database can store"))
    return parsed


def _is_storable(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return all(_is_storable(key) and _is_storable(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(_is_storable(inner) for inner in value)
    return True
