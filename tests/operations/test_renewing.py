"""ENCRYPTION_SECRET is changed without downtime: what was sealed under the former one is read, renewed in pieces, and lasts."""

import hashlib
import re
import uuid
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from hardware.keys import open_proof_key, proof_key
from hardware.models import ManufacturedUnit, UnitImport
from hardware.pieces import keep_pieces, open_kept_pieces
from licensemgr.core import clock, signing_keys
from licensemgr.core.sealing import Purpose, SealBroken, sealed_anew
from licensemgr.portal import renewing
from licensemgr.shop.endpoints import KINDS_TO_CHOOSE, make_endpoint, secret_of
from licensemgr.shop.models import WebhookEndpoint
from organizations.models import User
from tests import factories
from tests.concurrency.racing import at_once

pytestmark = pytest.mark.django_db

NEW = "a-new-secret-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF"
FILE = b"serial,model,oak\n" * 10


def change_secret(settings: Settings) -> None:
    settings.ENCRYPTION_SECRET_FALLBACKS = [settings.ENCRYPTION_SECRET]
    settings.ENCRYPTION_SECRET = NEW


def renew() -> str:
    out = StringIO()
    call_command("renew_encryption", stdout=out)
    return out.getvalue()


@pytest.fixture
def read_all(books: factories.Books, staff: User) -> Callable[[], None]:
    """One of each that is sealed; reads each as the portal does, and raises where that fails."""
    oaks = {serial: books.make_unit(serial, core=1) for serial in ("UNIT1", "UNIT2", "UNIT3")}
    key = signing_keys.rotate()
    given = make_endpoint(
        name="Shop", url="https://shop.test/", kinds=list(KINDS_TO_CHOOSE), actor=staff, form_token=uuid.uuid4()
    )
    secret = secret_of(given.endpoint)
    unit_import = UnitImport.objects.create(
        digest=hashlib.sha256(FILE).hexdigest(), file_name="f.csv", size=len(FILE), started_at=clock.real_now()
    )
    keep_pieces(unit_import, lambda number: FILE)

    def read() -> None:
        for unit in ManufacturedUnit.objects.all():
            assert open_proof_key(unit.proof_key, unit.serial) == proof_key(oaks[unit.serial])
        assert signing_keys.current_key()[0] == key.kid
        assert secret_of(WebhookEndpoint.objects.get()) == secret
        assert open_kept_pieces(unit_import).read() == FILE

    return read


def test_under_a_former_secret_all_is_read_and_renewed_it_lasts_without_it(
    read_all: Callable[[], None], settings: Settings
) -> None:
    change_secret(settings)
    read_all()
    assert "manufactured units: 3 renewed, 0 as they were, 0 lost" in renew()
    settings.ENCRYPTION_SECRET_FALLBACKS = []
    read_all()
    assert set(re.findall(r"(\d+) renewed", renew())) == {"0"}


def test_before_it_is_renewed_the_former_secret_is_needed(read_all: Callable[[], None], settings: Settings) -> None:
    change_secret(settings)
    settings.ENCRYPTION_SECRET_FALLBACKS = []
    unit = ManufacturedUnit.objects.get(serial="UNIT1")
    before = bytes(unit.proof_key)
    with pytest.raises(SealBroken):
        open_proof_key(unit.proof_key, unit.serial)
    with pytest.raises(CommandError, match="Nothing of them was changed"):
        renew()
    unit.refresh_from_db()
    assert bytes(unit.proof_key) == before


def test_what_the_new_secret_sealed_is_read_by_who_was_told_of_it_before(
    books: factories.Books, settings: Settings
) -> None:
    """Web servers are restarted one after the other: the new secret is a fallback first, then the one that seals."""
    former = settings.ENCRYPTION_SECRET
    change_secret(settings)
    oak = books.make_unit("UNIT1", core=1)
    settings.ENCRYPTION_SECRET, settings.ENCRYPTION_SECRET_FALLBACKS = former, [NEW]
    assert open_proof_key(ManufacturedUnit.objects.get().proof_key, "UNIT1") == proof_key(oak)


@pytest.mark.django_db(transaction=True)
def test_interrupted_it_keeps_what_is_done_and_goes_on(
    read_all: Callable[[], None], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_secret(settings)
    calls: list[Purpose] = []

    def interrupted(sealed: bytes, *, purpose: Purpose, bound_to: str) -> bytes | None:
        calls.append(purpose)
        # Two signing keys and a webhook are done by then, and one unit.
        if len(calls) == 5:
            raise KeyboardInterrupt
        return sealed_anew(sealed, purpose=purpose, bound_to=bound_to)

    monkeypatch.setattr(renewing, "sealed_anew", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(renewing.renew_all(rows=1))
    monkeypatch.undo()
    read_all()
    [units] = [done for done in renewing.renew_all(rows=1) if done.sealed.model is ManufacturedUnit]
    assert (units.renewed, units.as_it_was, units.lost) == (2, 1, 0)
    settings.ENCRYPTION_SECRET_FALLBACKS = []
    read_all()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_each_row_once(read_all: Callable[[], None], settings: Settings) -> None:
    change_secret(settings)

    def renewed() -> int:
        return sum(done.renewed for done in renewing.renew_all(rows=1))

    assert sum(at_once([renewed] * 2)) == 3 + 2 + 1 + 1
    settings.ENCRYPTION_SECRET_FALLBACKS = []
    read_all()


def test_whatever_is_sealed_is_renewed() -> None:
    assert {each.purpose for each in renewing.SEALED} == set(Purpose)
