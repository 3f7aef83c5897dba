"""Signed documents are read strictly: one form, one meaning, and sentences that name the place (R28, R29)."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from licensemgr.core import signed
from licensemgr.core.signed import DocumentRefused

TYP = "test-v1"
KEY = OKPKey.generate_key("Ed25519")


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def document(payload: bytes = b"{}", **header: Any) -> bytes:
    """A document with any payload and header, rightly signed: what is in it is looked at after its signature."""
    protected = encode(json.dumps({"alg": "Ed25519", "typ": TYP, "kid": "one"} | header).encode())
    return signed_outer(encode(payload), protected)


def signed_outer(payload: str, protected: str) -> bytes:
    private = KEY.private_key
    assert isinstance(private, Ed25519PrivateKey)
    return outer(payload, protected, encode(private.sign(f"{protected}.{payload}".encode())))


def outer(payload: str, protected: str, signature: str) -> bytes:
    members = {"payload": payload, "protected": protected, "signature": signature}
    return json.dumps(members, separators=(",", ":")).encode() + b"\n"


def read(text: bytes, *, exact: bool = False) -> signed.SignedDocument:
    found = signed.read(text, typ=TYP, key_named_by="kid", exact=exact)
    # The content is read when it is asked for.
    assert found.payload is not None
    return found


def refusal(text: bytes, *, exact: bool = False) -> str:
    """The sentence with which a document is refused; never longer than a sentence is."""
    with pytest.raises(DocumentRefused) as refused:
        signed.check_signature(read(text, exact=exact), KEY)
    assert len(refused.value.sentence) < 300
    return refused.value.sentence


def test_what_is_signed_is_read_again() -> None:
    payload = {"name": "Zürich 🛳 \\u", "number": 2**53 - 1, "list": [True, None, -5]}
    made = signed.sign(payload, typ=TYP, key=KEY, kid="one")
    found = read(made, exact=True)
    signed.check_signature(found, KEY)
    assert (found.payload, found.typ, found.header["kid"]) == (payload, TYP, "one")
    with pytest.raises(DocumentRefused, match="signed by another key"):
        signed.check_signature(found, OKPKey.generate_key("Ed25519"))


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"\xff", r"“payload” is not UTF-8 text \(byte 0\)"),
        (b"", r"“payload” is not JSON \(1:1\)"),
        (b'{"a":1}{}', r"not JSON \(1:8\)"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"a":1,"b":2,"a":1}', "the name “a” twice"),
        (b'{"a":{"b":1,"b":2}}', "the name “b” twice"),
        (b'{"a":1.0}', r"not whole \(1.0\)"),
        (b'{"a":1e400}', r"not whole \(1e400\)"),
        (b'{"a":NaN}', "holds NaN"),
        (b'{"a":-Infinity}', "holds -Infinity"),
        (b'{"a":9007199254740992}', "too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "too large"),
        (b'{"a":"\\u0000"}', "no database can store"),
        (b'{"\\ud800":1}', "no database can store"),
        (b'{"a":["\\udfff x"]}', "no database can store"),
        (b'{"a":"\x00"}', "not JSON"),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, "nested too deeply"),
        # The parser lets this through; the look for characters that can't be stored would not come back from it.
        (b'{"a":' * 700 + b'"\\u0041"' + b"}" * 700, "nested too deeply|signature is not right"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_json_that_could_be_read_in_two_ways_is_refused(payload: bytes, says: str) -> None:
    with pytest.raises(DocumentRefused, match=says):
        signed.check_signature(read(document(payload)), KEY)
    assert refusal(document(payload))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"typ": "other-v1"}, "of the kind “test-v1”; it says that it is “other-v1”"),
        ({"typ": ["test-v1"]}, "says that it is “list”"),
        ({"alg": "none"}, "the algorithm “none” in “alg”; it has to be Ed25519"),
        ({"alg": "HS256"}, "the algorithm “HS256”"),
        ({"alg": "ES256"}, "the algorithm “ES256”"),
        ({"alg": ["Ed25519"]}, "the algorithm “list”"),
        ({"b64": False, "crit": ["b64"]}, "exactly alg, typ and kid"),
        ({"jwk": {}}, "exactly alg, typ and kid"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_header_holds_three_members_and_one_algorithm(header: dict[str, Any], says: str) -> None:
    assert says in refusal(document(**header))


def test_the_older_name_of_the_algorithm_is_read_too() -> None:
    with pytest.warns(match="deprecated"):
        made = jws.serialize_json(
            {"protected": {"alg": "EdDSA", "typ": TYP, "kid": "one"}}, b"{}", KEY, algorithms=["EdDSA"]
        )
    signed.check_signature(read(json.dumps(made).encode()), KEY)


def test_an_hmac_under_the_public_key_is_no_signature() -> None:
    secret = OctKey.import_key(base64.urlsafe_b64decode(str(KEY.as_dict(private=False)["x"]) + "="))
    forged = jws.serialize_json(
        {"protected": {"alg": "HS256", "typ": TYP, "kid": "one"}}, b"{}", secret, algorithms=["HS256"]
    )
    assert "HS256" in refusal(json.dumps(forged).encode())


def test_the_outer_form_is_one() -> None:
    good = signed.sign({}, typ=TYP, key=KEY, kid="one")
    members = json.loads(good)
    assert "exactly payload, protected and signature" in refusal(b'{"payload":"","protected":""}')
    assert "exactly payload, protected and signature" in refusal(json.dumps(members | {"header": {}}).encode())
    assert "exactly payload, protected and signature" in refusal(json.dumps(members | {"payload": 1}).encode())
    assert "is not UTF-8" in refusal("{“}".encode("latin-1", "replace") + b"\xe4")
    spaced = json.dumps(members).encode()
    signed.check_signature(read(spaced), KEY)
    assert "its outer form is not the one" in refusal(spaced, exact=True)
    assert "“payload” is not base64url" in refusal(json.dumps(members | {"payload": "e30="}).encode())
    assert "“payload” is not base64url" in refusal(json.dumps(members | {"payload": "e3/0"}).encode())
    # “e30” and “e31” hold the same two bytes: the unused bits of the second are not zero.
    assert "“payload” is not base64url" in refusal(json.dumps(members | {"payload": "e31"}).encode())
    assert "has to be 64 bytes" in refusal(json.dumps(members | {"signature": "AAAA"}).encode())
    assert "larger than 20 MiB" in refusal(b" " * (signed.MAXIMUM_BYTES + 1))


def test_the_content_is_looked_at_after_the_signature_and_the_outer_form_holds_three_members() -> None:
    altered = json.loads(document(b'{"a":1,"a":2}')) | {"signature": encode(bytes(64))}
    found = signed.read(json.dumps(altered).encode(), typ=TYP, key_named_by="kid", exact=False)
    with pytest.raises(DocumentRefused, match="signature is not right"):
        signed.check_signature(found, KEY)
    with pytest.raises(DocumentRefused, match="the name “a” twice"):
        _ = found.payload
    many = json.dumps({str(number): "" for number in range(200)}).encode()
    assert refusal(many) == "The file holds too many values."
    with pytest.raises(DocumentRefused, match="holds too many values"):
        signed.claimed_key(many)


def test_a_public_key_is_only_that() -> None:
    public = {name: KEY.as_dict(private=False)[name] for name in ("kty", "crv", "x")}
    assert signed.public_key(public).thumbprint() == KEY.thumbprint()
    with pytest.raises(DocumentRefused, match="gives a private key away"):
        signed.public_key(dict(KEY.as_dict(private=True)))
    short = public | {"x": "AAAA"}
    wrongs: list[Any] = [
        None,
        [],
        "x",
        {},
        public | {"crv": "X25519"},
        public | {"kid": "one"},
        short,
        public | {"x": 1},
    ]
    for wrong in wrongs:
        with pytest.raises(DocumentRefused, match=r"names no Ed25519 public key"):
            signed.public_key(wrong)


def test_the_largest_files_are_refused_quickly() -> None:
    """What a naive reader takes minutes for, or gigabytes; 5 seconds would be a hundred times what it takes."""
    names = b",".join(b'"%d":1' % number for number in range(490_000))
    hostile = [
        # A name that comes again at the very end.
        b"{" + names + b',"0":1}',
        b'{"a":[' + b"[]," * 4_000_000 + b"1]}",
        b'{"a":"' + b"x" * 14_000_000 + b'"',
        b'{"a":"' + b"\\u0000" * 2_000_000 + b'"}',
    ]
    for payload in hostile:
        begun = time.process_time()
        assert refusal(document(payload))
        assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "value",
    [
        # Each is a fourth of what a file may weigh, and takes many times as much memory once it is read.
        b"[" + b",".join([b'{"a":1}'] * 300_000) + b"]",
        b"[" + b",".join([b"{}"] * 510_000) + b"]",
        b"{" + b",".join(b'"%x":1' % number for number in range(510_000)) + b"}",
        b"[" + b",".join([b"1"] * 1_300_000) + b"]",
    ],
    ids=["objects", "empty-objects", "names", "numbers"],
)
def test_more_values_than_any_document_has_are_refused_before_they_are_kept(value: bytes) -> None:
    assert refusal(document(b'{"a":' + value + b"}")) == "The part “payload” holds too many values."
    assert "too many values" in refusal(value if value.startswith(b"{") else b'{"a":' + value + b"}")


def test_as_many_values_as_100_000_devices_have_are_read() -> None:
    devices = [{"id": f"{number}, [core]", "model": "a, b", "type": "core-device"} for number in range(100_000)]
    made = signed.sign({"devices": devices, "more": dict.fromkeys("abcdefgh", 1)}, typ=TYP, key=KEY, kid="one")
    assert len(read(made).payload["devices"]) == 100_000
