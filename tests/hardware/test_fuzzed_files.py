"""Whatever is uploaded: a sentence, never an error of the server, and the books stay as they are (R28).

5,000 bodies and 240 zips; with PROOF=1 100,000 and 2,500, of another seed each time, while the process must not grow.
"""

import gc
import logging
import os
import random
import resource
from collections import Counter
from datetime import date
from itertools import islice
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from hardware.license_files import document_of, issue_license_file, verify_license_file
from hardware.models import StagedFile
from hardware.reports import accept_report, preview_report
from hardware.system_files import read_system_file
from licensemgr.core import signed, signing_keys
from licensemgr.core.errors import Refused
from licensemgr.core.signed import DocumentRefused
from licensemgr.portal.simulating import SimulatedSystem, published_verifier
from organizations.models import Organization
from products.models import Product, SystemSource
from tests.factories import check_conservation, dump_books
from tests.hardware.mutating import NOON, Mutator
from tests.hardware.mutating_zips import ZipMutator

pytestmark = pytest.mark.django_db
PROOF = bool(os.environ.get("PROOF"))
BODIES = 100_000 if PROOF else 5_000
ZIPS = 2_500 if PROOF else 240
# As many as a person would hardly choose; the upload takes 200.
A_BATCH = 100
# In MiB: what the allocator may keep. 90,000 bodies follow the first look, so this is less than 200 bytes for each of them.
GROWTH = 16
SEED = random.SystemRandom().randrange(2**32) if PROOF else 5


def memory() -> float:
    """What this process holds at the moment, in MiB, once the test client's own circles are collected (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1024 / 1024


def check_growth(warm: float) -> None:
    """The process has not grown since it had ``warm`` MiB."""
    grown = memory() - warm
    print(f"memory after a tenth: {warm:.0f} MiB, grown since by {grown:.1f} MiB")
    assert grown < GROWTH


def _size(sentence: str) -> str:
    return "in a sentence" if 10 < len(sentence) < 400 else f"in {len(sentence)} characters"


def outcome(body: bytes, organization: Organization) -> str:
    """What the services make of a body: which refusal, or that it could be accepted. Nothing else is raised."""
    try:
        file = read_system_file(body)
    except DocumentRefused as refused:
        return f"refused whole, {_size(refused.sentence)}"
    try:
        preview = preview_report(organization, file)
    except Refused as refused:
        return f"refused by the books, {_size(refused.sentence)}"
    return type(preview.refused).__name__ if preview.refused else "acceptable"


def accept_known(organization: Organization, mutator: Mutator) -> None:
    """The system is known, so that order, identity and comparison are reached, too."""
    known = mutator.system.system_file(at=NOON, devices=[("device-1", "M", "core-device")], sequence=1)
    accept_report(
        organization=organization,
        file=read_system_file(known),
        document=known,
        source=SystemSource.OFFLINE,
        actor=None,
        on=date(2027, 3, 1),
    )


@pytest.mark.slow
def test_no_body_is_more_than_refused(
    administrator_client: Client, organization: Organization, camera_station: Product
) -> None:
    mutator = Mutator(SEED)
    accept_known(organization, mutator)
    before = dump_books(organization)
    outcomes: Counter[str] = Counter()
    answers: Counter[int] = Counter()
    bodies = mutator.bodies(BODIES)
    warm = 0.0
    for number in range(BODIES // A_BATCH):
        # Of wrong proofs few an hour are looked at; pages are to show as many as come.
        cache.clear()
        batch = list(islice(bodies, A_BATCH))
        outcomes.update(outcome(body, organization) for body in batch)
        sent = [SimpleUploadedFile(f"{number}.json", body) for number, body in enumerate(batch)]
        answer = administrator_client.post("/o/harbour/upload/", {"files": sent})
        answers[answer.status_code] += 1
        if answer.status_code == 303 and number % 10 == 0:
            assert administrator_client.get(answer["Location"]).status_code == 200
        if PROOF and number == BODIES // A_BATCH // 10:
            warm = memory()
    print(f"seed {SEED}: {dict(outcomes)}, answers {dict(answers)}")
    # The bodies are neither all refused at the door nor harmless.
    assert set(outcomes) <= {
        *("refused whole, in a sentence", "refused by the books, in a sentence", "acceptable"),
        *("ReportOutOfOrder", "IdentityChanged"),
    }
    assert outcomes["refused whole, in a sentence"] > BODIES * 0.6
    assert min(outcomes[name] for name in ("refused by the books, in a sentence", "acceptable")) > BODIES * 0.001
    assert set(answers) <= {303, 422}
    assert answers[303] == BODIES // A_BATCH
    assert StagedFile.objects.count() == BODIES
    assert dump_books(organization) == before
    check_conservation(organization)
    if PROOF:
        check_growth(warm)


@pytest.mark.slow
def test_no_zip_is_more_than_refused(
    administrator_client: Client,
    organization: Organization,
    camera_station: Product,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Of each answer of 4xx pytest would keep the whole request until the end. One of 5xx is raised by the client.
    caplog.set_level(logging.CRITICAL, logger="django.request")
    mutator = ZipMutator(SEED)
    accept_known(organization, mutator.bodies)
    before = dump_books(organization)
    answers: Counter[int] = Counter()
    warm = 0.0
    for number, content in enumerate(mutator.zips(ZIPS)):
        # Of wrong proofs few an hour are looked at; here each file is to be.
        cache.clear()
        answer = administrator_client.post("/o/harbour/upload/", {"files": SimpleUploadedFile("x.zip", content)})
        answers[answer.status_code] += 1
        # Each of the twelve levels has its turn.
        if answer.status_code == 303 and number % 7 == 0:
            assert administrator_client.get(answer["Location"]).status_code == 200
        if PROOF and number == ZIPS // 10:
            warm = memory()
    # Before this test itself reads tens of thousands of rows.
    if PROOF:
        check_growth(warm)
    refusals = Counter(StagedFile.objects.values_list("refusal", flat=True))
    print(f"seed {SEED}: {refusals.most_common(6)}, answers {dict(answers)}")
    # 413 is for too many files or bytes; 422 for a zip of folders alone.
    assert set(answers) <= {303, 413, 422}
    assert answers[303] > ZIPS * 0.9
    assert answers[413] > ZIPS * 0.01
    assert {_size(sentence) for sentence in refusals if sentence} == {"in a sentence"}
    # The zips are neither all refused whole nor harmless.
    assert refusals[""] > ZIPS * 0.2
    for words, share in (("zip can't be read", 0.2), ("zip within a zip", 0.05), ("larger than 20 MiB", 0.003)):
        assert sum(count for sentence, count in refusals.items() if words in sentence) > ZIPS * share
    assert dump_books(organization) == before
    check_conservation(organization)


def test_every_altered_byte_of_a_license_file_is_refused(
    organization: Organization, camera_station: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, today: date
) -> None:
    """By the portal and by the independent verifier: two alterations of each byte, each byte left out, each doubled."""
    monkeypatch.setattr(settings, "ISSUE_LOG_DIR", tmp_path)
    kid = signing_keys.rotate().kid
    offline = SimulatedSystem("Vessel", "camera-station")
    document = offline.system_file(at=NOON, counts={"core-device": 1})
    report = accept_report(
        organization=organization,
        file=read_system_file(document),
        document=document,
        source=SystemSource.OFFLINE,
        actor=None,
        on=today,
    )
    good = document_of(issue_license_file(system=report.system, actor=None, on=today))
    trusted, key = signing_keys.public_keys(), signing_keys.verifying_key(kid)
    verify_license_file(good, NOON)
    published_verifier().read_signed(good, trusted)
    # One look into the table of keys is enough: without, this would be thousands of queries.
    monkeypatch.setattr(signing_keys, "verifying_key", lambda asked: key if asked == kid else None)
    for place, byte in enumerate(good):
        rest = good[place + 1 :]
        for instead in (bytes([byte ^ 1]), bytes([byte ^ 32]), b"", bytes([byte, byte])):
            altered = good[:place] + instead + rest
            with pytest.raises(signed.DocumentRefused):
                verify_license_file(altered, NOON)
            with pytest.raises(published_verifier().Refused):
                published_verifier().read_signed(altered, trusted)
