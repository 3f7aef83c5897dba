"""What is uploaded, file by file: names and places in zips that lie, and how much memory that takes (R28)."""

import io
import struct
import tracemalloc
from pathlib import Path

import pytest

from hardware.unpacking import Unpacked, Upload, unpack_uploads
from tests.hardware.mutating_zips import DEFLATED, STORED, Member, pack
from tests.hardware.offline import zip_of


def unpacked(content: bytes) -> list[Unpacked]:
    return list(unpack_uploads([Upload("x.zip", io.BytesIO(content), len(content))]))


@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_a_file_without_a_name_is_a_file(method: int) -> None:
    """The library asks for the last letter of each name."""
    packed = pack([Member(b"", b'{"a":1}', method), Member(b"/", b""), Member(b"b.json", b"{}", method)])
    assert unpacked(packed) == [Unpacked("x.zip: ", b'{"a":1}'), Unpacked("x.zip: b.json", b"{}")]


@pytest.mark.parametrize("place", [2**63 - 1, 2**63, 2**64 - 1])
def test_a_place_beyond_any_file_is_damage(place: int) -> None:
    """In the extra field of 64 bits, which a short zip may have, too."""
    member = Member(b"a.json", b"{}", extra=struct.pack("<HHQ", 1, 8, place), listed={"place": 2**32 - 1})
    [found] = unpacked(pack([member]))
    assert "can't be read" in found.refusal


def test_names_that_lead_elsewhere_or_come_twice_are_only_names() -> None:
    names = [b"../../etc/passwd", b"/etc/passwd", b"C:\\windows\\win.ini", b"a.json", b"a.json"]
    found = unpacked(pack([Member(name, b"%d" % number) for number, name in enumerate(names)]))
    assert [file.document for file in found] == [b"0", b"1", b"2", b"3", b"4"]
    assert [file.name for file in found] == [f"x.zip: {name.decode()}" for name in names]


def test_a_small_file_takes_little_memory(tmp_path: Path) -> None:
    """Not as much as the largest may have, were it for a moment: from such buffers the process grew with every file.

    On disk, as uploads are; and packed in a zip that says that its content is long.
    """
    liar = pack([Member(b"a.json", b"{}" * 5000, STORED, listed={"packed": 2**24, "unpacked": 2**24})])
    for content in (b"{}" * 5000, zip_of({"a.json": b"{}" * 5000}), liar):
        path = tmp_path / "upload"
        path.write_bytes(content)
        with path.open("r+b") as file:
            tracemalloc.start()
            list(unpack_uploads([Upload("upload", file, len(content))]))
            _now, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert most < 500_000
