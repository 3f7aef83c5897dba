"""What is kept of owner authentication keys (R24): enough to check one, not enough to read one."""

import pytest
from django.test import override_settings

from hardware import keys
from licensemgr.core.sealing import SealBroken


def test_the_proof_key_is_hkdf_of_the_key_as_typed_in_any_way() -> None:
    # Worked out by hand from RFC 5869: HMAC-SHA-256(HMAC-SHA-256(32 zero bytes, key), "system file v1" + 0x01).
    expected = "1f41be71fedb6d0935c2403e3c267861005386280edc943e1e52ab9defa2af61"
    for typed in ("7KQM-29XF-P4TB-WD8H", " 7kqm 29xf-p4tbwd8h\r\n"):
        assert keys.proof_key(typed).hex() == expected


def test_a_digest_depends_on_the_pepper_and_not_on_how_a_key_is_typed() -> None:
    digest = keys.oak_hash("7KQM-29XF-P4TB-WD8H").digest
    assert len(digest) == 64
    assert keys.oak_hash("7kqm29xf p4tbwd8h").digest == digest
    assert keys.oak_hash("7KQM-29XF-P4TB-WD8J").digest != digest
    with override_settings(LICENSE_KEY_PEPPER="another pepper"):
        assert keys.oak_hash("7KQM-29XF-P4TB-WD8H").digest != digest


def test_a_proof_key_opens_for_its_own_serial_number_only_and_is_never_sealed_alike() -> None:
    key = keys.proof_key("7KQM-29XF-P4TB-WD8H")
    sealed = keys.seal_proof_key(key, "B8A44F000001")
    assert key not in sealed
    assert sealed != keys.seal_proof_key(key, "B8A44F000001")
    assert keys.open_proof_key(sealed, "B8A44F000001") == key
    for damaged, serial in ((sealed, "B8A44F000002"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "B8A44F000001")):
        with pytest.raises(SealBroken):
            keys.open_proof_key(damaged, serial)


def test_a_piece_of_a_file_opens_in_its_own_place_only() -> None:
    sealed = keys.seal_piece(b"serial,model,oak\n", "d1", 0)
    assert keys.open_piece(sealed, "d1", 0) == b"serial,model,oak\n"
    for digest, number in (("d1", 1), ("d2", 0)):
        with pytest.raises(SealBroken):
            keys.open_piece(sealed, digest, number)
    # A piece is no proof key, whatever it is bound to.
    with pytest.raises(SealBroken):
        keys.open_proof_key(sealed, "d1:0")


def test_invented_keys_have_a_hundred_random_bits() -> None:
    invented = {keys.invent_oak() for _time in range(200)}
    assert len(invented) == 200
    assert all(len(keys.normalize_oak(oak)) == 20 for oak in invented)
