"""The published formats: schemas, test vectors and the independent verifier say what the portal does (R28, R29)."""

import ast
import base64
import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.conf import settings

from hardware.keys import proof_key
from hardware.license_files import document_of, issue_license_file
from hardware.proofs import claim_of, proof_of
from hardware.reports import accept_report
from hardware.system_files import SystemFile, read_system_file
from licensemgr.core import signed, signing_keys
from licensemgr.core.signed import DocumentRefused
from licensemgr.portal.simulating import SimulatedSystem
from organizations.models import Organization
from products.models import Product, SystemSource

DOCS = settings.BASE_DIR / "docs"
VECTORS = DOCS / "test-vectors"
VERIFIER = DOCS / "verify_license_file.py"
CASES = json.loads((VECTORS / "cases.json").read_text(encoding="utf-8"))
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def payload_of(document: bytes) -> dict[str, Any]:
    text = json.loads(document)["payload"]
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def schema(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads((DOCS / "schemas" / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_the_independent_verifier_says_what_each_test_vector_is(case: dict[str, Any]) -> None:
    found = subprocess.run(
        [
            *(sys.executable, "-I", VERIFIER, VECTORS / case["file"], VECTORS / "jwks.json", "--now", case["now"]),
            *("--system", case["system"], "--key", case["key"], "--highest-sequence", str(case["highest_sequence"])),
            *("--highest-seen", case.get("highest_seen", "")),
        ],
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert (found.stdout + found.stderr).splitlines() == case["says"]
    assert found.returncode == case["exit_code"]


def test_the_test_vectors_are_what_their_script_writes_and_what_their_readme_says(tmp_path: Path) -> None:
    script = tmp_path / "make_vectors.py"
    script.write_bytes((VECTORS / "make_vectors.py").read_bytes())
    subprocess.run([sys.executable, script], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}
    assert made == {path.name: path.read_bytes() for path in VECTORS.glob("*.json")}
    readme = (VECTORS / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in made)
    for case in CASES:
        [row] = [line for line in readme.splitlines() if line.startswith(f"| {case['case']} |")]
        assert f"`{case['file']}`" in row
        assert case["says"][0].removeprefix("Refused. ").partition(":")[0] in row


def test_the_test_vectors_and_the_schemas_agree() -> None:
    good = ("good.json", "tied.json", "late.json", "tokyo.json", "honolulu.json", "unknown-zone.json")
    for name in (*good, "wrong-key.json", "unknown-key.json"):
        schema("license-file-1.json").validate(payload_of((VECTORS / name).read_bytes()))
    document = (VECTORS / "system-file.json").read_bytes()
    schema("system-description-1.json").validate(payload_of(document))
    file = read_system_file(document)
    assert (file.system_name, file.sequence, file.counts) == ("Vessel", 12, {"core-device": 10})
    claim = claim_of(file)
    assert claim is not None
    assert proof_of(proof_key("TESTS-ONLYA-BCDEF-23456"), claim) == file.proof


def test_the_verifier_is_short_and_needs_one_library() -> None:
    source = VERIFIER.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 120
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module).partition(".")[0])
    assert modules - set(sys.stdlib_module_names) == {"joserfc"}


def test_the_formats_page_names_every_field_of_the_schemas() -> None:
    page = (DOCS / "formats.md").read_text(encoding="utf-8")
    for name in ("system-description-1.json", "license-file-1.json"):
        fields: set[str] = set()

        def collect(part: Any, found: set[str] = fields) -> None:
            if isinstance(part, dict):
                found |= set(part.get("properties", {}))
                for inner in part.values():
                    collect(inner)

        collect(json.loads((DOCS / "schemas" / name).read_text(encoding="utf-8")))
        assert {field for field in fields if not re.search(rf"`([a-z_]+\.)?{field}(\[\])?`", page)} == set()


SYSTEM = SimulatedSystem("Vessel", "camera-station")


def changed(*path: str | int, to: Any) -> bytes:
    """A good system file with one value changed, and signed; ``to`` of ``...`` takes it out."""
    payload = payload_of(SYSTEM.system_file(at=NOON, devices=[("a", "M", "core-device"), ("b", "M", "core-device")]))
    place: Any = payload
    for step in path[:-1]:
        place = place.setdefault(step, {}) if isinstance(step, str) else place[step]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return SYSTEM.sign(payload)


@pytest.mark.parametrize(
    ("path", "to", "says"),
    [
        (("devices",), ..., "At the beginning: the devices have to be given either one by one"),
        (("counts",), {}, "At the beginning: the devices have to be given either one by one"),
        (("extra",), 1, "'extra' was unexpected"),
        (("system", "id"), ..., 'At system: "id" is a required property'),
        (("system", "id"), "5F0D7A52-6D3C-4E0E-9D2B-0A4F5F3F2B11", "At system.id: .*a UUID in small letters"),
        (("system", "id"), "5f0d7a52-6d3c-4e0e-9d2b-0a4f5f3f2b11\n", "At system.id: .*a UUID"),
        (("system", "name"), "", "At system.name: what is there is shorter than 1"),
        (("system", "name"), " x", "At system.name: .*without a blank at its beginning"),
        (("system", "name"), "x\ny", "At system.name: .*without control characters"),
        (("system", "name"), "x" * 121, "At system.name: what is there is longer than 120"),
        (("system", "name"), {"a": "x" * 9000}, 'At system.name: what is there is not of type "string"'),
        (("system", "time_zone"), "Europe/Atlantis", "At system.time_zone: this is not a time zone"),
        (("system", "time_zone"), "../../etc/passwd", "At system.time_zone: this is not a time zone"),
        (("system", "time_zone"), "Europe", "At system.time_zone: this is not a time zone"),
        (("sequence",), 0, "At sequence: what is there is less than the minimum of 1"),
        (("sequence",), True, 'At sequence: what is there is not of type "integer"'),
        (("issued_at",), "2027-02-30T12:00:00Z", "At issued_at: this is no date and time"),
        (("issued_at",), "0000-01-01T00:00:00Z", "At issued_at: this is no date and time"),
        (("clock", "now"), "2027-02-28T24:00:00Z", "At clock.now: this is no date and time"),
        (("clock", "highest_seen"), "2027-02-28T23:59:60Z", "At clock.highest_seen: this is no date and time"),
        (("clock", "now"), "2027-02-28T12:00:00+01:00", "At clock.now: .*a time in UTC"),
        (("intent",), "other", "At intent: what is there is not one of"),
        (("hardware",), {"serial": " ", "model": ""}, "At hardware.serial: .*a serial number of letters"),
        (("hardware",), {"serial": "straße", "model": ""}, "At hardware.serial: .*ASCII"),
        (("hardware",), {"serial": "A", "model": "", "proof": "A" * 42}, "At hardware.proof: .*32 bytes"),
        (("license_file",), {"id": 1, "sequence": 1}, "At license_file.id"),
        (("devices", 1, "id"), "a", r"At devices\[1\].id: “a” is listed twice"),
        (("devices", 1, "type"), "Core Device", r"At devices\[1\].type: .*a code of small letters"),
        (("devices", 0), 7, r'At devices\[0\]: what is there is not of type "object"'),
        (("x" * 5000,), 1, "At the beginning: Additional properties"),
    ],
    ids=lambda value: None,
)
def test_a_refusal_names_the_place_and_never_quotes_the_file(path: tuple[str | int, ...], to: Any, says: str) -> None:
    with pytest.raises(DocumentRefused, match=says) as refused:
        read_system_file(changed(*path, to=to))
    assert len(refused.value.sentence) < 300


def test_counts_are_bounded_and_hostile_shapes_are_refused() -> None:
    good = payload_of(SYSTEM.system_file(at=NOON, counts={"core-device": 1_000_000}))
    assert read_system_file(SYSTEM.sign(good)).counts == {"core-device": 1_000_000}
    deep: dict[str, Any] = {}
    for _level in range(400):
        deep = {"a": deep}
    hostile = [
        ({"core-device": 1_000_001}, r"At counts.core-device: what is there is greater than the maximum of 1000000"),
        ({"core-device": -1}, "At counts.core-device"),
        ({"Core": 1}, "At counts: .*a code of small letters|At counts: "),
        ({f"type-{number}": 1 for number in range(101)}, "At counts: what is there has more than 100 properties"),
        (deep, "nested too deeply"),
    ]
    for counts, says in hostile:
        with pytest.raises(DocumentRefused, match=says) as refused:
            read_system_file(SYSTEM.sign(good | {"counts": counts}))
        assert len(refused.value.sentence) < 300
    listed = [{"id": "x", "model": "", "type": "a"}] * 100_001
    del good["counts"]
    with pytest.raises(DocumentRefused, match="At devices: what is there has more than 100000 items"):
        read_system_file(SYSTEM.sign(good | {"devices": listed}))


def test_another_kind_of_document_is_no_system_file() -> None:
    with pytest.raises(DocumentRefused, match="of the kind “system-description-v1”; it says that it is “license-file"):
        read_system_file((VECTORS / "good.json").read_bytes())
    # Signed by one key and naming another.
    other = SimulatedSystem("Other", "camera-station")
    public = {name: SYSTEM.key.as_dict(private=False)[name] for name in ("kty", "crv", "x")}
    forged = signed.sign({}, typ="system-description-v1", key=other.key, jwk=public)
    with pytest.raises(DocumentRefused, match="The signature is not right"):
        read_system_file(forged)


@pytest.mark.django_db
def test_a_license_file_that_the_portal_gives_is_of_the_published_form(
    organization: Organization, camera_station: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, today: date
) -> None:
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    signing_keys.rotate()
    document = SYSTEM.system_file(at=NOON, counts={"core-device": 3})
    schema("system-description-1.json").validate(payload_of(document))
    file: SystemFile = read_system_file(document)
    report = accept_report(
        organization=organization, file=file, document=document, source=SystemSource.OFFLINE, actor=None, on=today
    )
    given = document_of(issue_license_file(system=report.system, actor=None, on=today))
    schema("license-file-1.json").validate(payload_of(given))
    members = json.loads(given)
    header = json.loads(base64.urlsafe_b64decode(members["protected"] + "=="))
    assert header == {"alg": "Ed25519", "typ": "license-file-v1", "kid": signing_keys.current_key()[0]}
