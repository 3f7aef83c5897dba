"""The system files in an upload: those sent one by one and those in zips, with little in memory at any moment (R28)."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from hardware.errors import UploadTooLarge
from licensemgr.core.numbers import grouped
from licensemgr.core.signed import MAXIMUM_BYTES
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext

MAXIMUM_FILES = 200
MAXIMUM_UNPACKED = 100 * 1024 * 1024
# 200 entries with long names and extras take a tenth of it; zipfile makes an object of each entry before it can be asked.
_MAXIMUM_DIRECTORY = 1024 * 1024
_PIECE_BYTES = 64 * 1024
_ZIP, _ZIP_END, _ZIP64_LOCATOR = b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x07"
_END_BYTES, _LOCATOR_BYTES, _COMMENT_BYTES = 22, 20, 65535
# What zipfile raises where a zip is not as it should be. ValueError: a name that is not in the encoding that the zip says, a place
# before its beginning. OverflowError: a place that no file could have.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
)


@dataclass(frozen=True)
class Upload:
    """One file as it was sent."""

    name: str
    content: IO[bytes]
    size: int


@dataclass(frozen=True)
class Unpacked:
    """One system file of an upload: its content, or why it is not looked at."""

    name: str
    document: bytes
    refusal: str = ""


def unpack_uploads(uploads: Iterable[Upload]) -> Iterator[Unpacked]:
    """Every file, those in zips one by one. Raises UploadTooLarge beyond what is taken at once."""
    number = unpacked = 0
    for upload in uploads:
        for size, found in _files_of(upload):
            number, unpacked = number + 1, unpacked + size
            if number > MAXIMUM_FILES:
                raise too_many_files()
            if unpacked > MAXIMUM_UNPACKED:
                raise too_many_bytes()
            yield found


def too_many_files() -> UploadTooLarge:
    """More files than are taken at once."""
    return UploadTooLarge(
        _("At most %(maximum)s files can be uploaded at once. Nothing was changed; upload fewer.")
        % {"maximum": grouped(MAXIMUM_FILES)}
    )


def too_many_bytes() -> UploadTooLarge:
    """More bytes than are taken at once."""
    return UploadTooLarge(
        _("The files are more than %(limit)s MiB together. Nothing was changed; upload fewer at once.")
        % {"limit": grouped(MAXIMUM_UNPACKED // 1024 // 1024)}
    )


def _files_of(upload: Upload) -> Iterator[tuple[int, Unpacked]]:
    """The upload's files, each with how many bytes were read for it."""
    upload.content.seek(0)
    if upload.content.read(4) == _ZIP:
        yield from _unzip(upload)
        return
    upload.content.seek(0)
    if upload.size > MAXIMUM_BYTES:
        yield 0, Unpacked(upload.name, b"", _too_large())
        return
    document = _read(upload.content)
    yield len(document), Unpacked(upload.name, document)


def _unzip(upload: Upload) -> Iterator[tuple[int, Unpacked]]:
    unreadable = Unpacked(
        upload.name, b"", _("The zip can't be read: it is damaged, encrypted, or packed in an unusual way.")
    )
    if _directory_bytes(upload) > _MAXIMUM_DIRECTORY:
        yield 0, unreadable
        return
    try:
        with zipfile.ZipFile(upload.content) as archive:
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
            if len(entries) > MAXIMUM_FILES:
                raise UploadTooLarge(
                    ngettext(
                        "The zip holds %(count)s file; at most %(maximum)s can be uploaded at once. Nothing was changed.",
                        "The zip holds %(count)s files; at most %(maximum)s can be uploaded at once. Nothing was changed.",
                        len(entries),
                    )
                    % {"count": grouped(len(entries)), "maximum": grouped(MAXIMUM_FILES)}
                )
            for entry in entries:
                yield _member(archive, entry, f"{upload.name}: {entry.filename}")
    except _UNREADABLE:
        yield 0, unreadable


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> tuple[int, Unpacked]:
    # The other methods take as much memory for unpacking as the file tells them to.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError(entry.compress_type)
    # What the archive says of a size is not believed: no more is read than is allowed.
    with archive.open(entry) as member:
        document = _read(member)
    if len(document) > MAXIMUM_BYTES:
        return len(document), Unpacked(name, b"", _too_large())
    if document.startswith(_ZIP):
        return len(document), Unpacked(name, b"", _("A zip within a zip is not opened. Upload it by itself."))
    return len(document), Unpacked(name, document)


def _read(content: IO[bytes]) -> bytes:
    """The whole content, or one byte more than a file may have.

    In pieces: asked for all at once, a file on disk makes a buffer for as much as is allowed, of which a small file leaves the
    most unused. Thousands of such buffers leave holes that the allocator can't use again, and the process grows.
    """
    document = io.BytesIO()
    while piece := content.read(min(_PIECE_BYTES, MAXIMUM_BYTES + 1 - document.tell())):
        document.write(piece)
    return document.getvalue()


def _directory_bytes(upload: Upload) -> int:
    """How long the zip says that its list of entries is, found where zipfile finds it; beyond all limits for zip64."""
    length = min(upload.size, _END_BYTES + _COMMENT_BYTES + _LOCATOR_BYTES)
    upload.content.seek(upload.size - length)
    tail = upload.content.read(length)
    last = tail[-_END_BYTES:]
    place = len(tail) - _END_BYTES if last.startswith(_ZIP_END) and last.endswith(b"\0\0") else tail.rfind(_ZIP_END)
    if place < 0 or len(tail) - place < _END_BYTES:
        return 0
    if tail[max(0, place - _LOCATOR_BYTES) : place].startswith(_ZIP64_LOCATOR):
        return _MAXIMUM_DIRECTORY + 1
    found: int = struct.unpack_from("<L", tail, place + 12)[0]
    return found


def _too_large() -> str:
    return _("The file is larger than %(limit)s MiB.") % {"limit": grouped(MAXIMUM_BYTES // 1024 // 1024)}
