"""Uploaded files of units, kept in encrypted pieces until they are taken in."""

import io
from collections.abc import Callable

from hardware.keys import open_piece, seal_piece
from hardware.models import UnitImport, UnitImportPiece
from licensemgr.core.sealing import SealBroken

# All pieces of a file are of this length but the last one.
PIECE_BYTES = 1024 * 1024


class PieceGone(Exception):
    """A piece is not there any more: somebody else took in the file up to behind it."""


class PiecesUnreadable(Exception):
    """The pieces were encrypted under another ENCRYPTION_SECRET, or were changed."""


class _Pieces(io.RawIOBase):
    """Bytes of a file that lies in pieces; holds one of them in memory."""

    def __init__(self, load: Callable[[int], bytes], size: int) -> None:
        self._load = load
        self._size = size
        self._position = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffer's type has no name in 3.11
        number, offset = divmod(self._position, PIECE_BYTES)
        if self._position >= self._size:
            return 0
        if self._held[0] != number:
            self._held = (number, self._load(number))
        found = self._held[1][offset : offset + len(buffer)]
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)


def open_pieces(load: Callable[[int], bytes], size: int) -> io.BufferedReader:
    """A file of ``size`` bytes that lies in pieces, each of which ``load`` gives by its number from 0."""
    return io.BufferedReader(_Pieces(load, size))


def keep_pieces(unit_import: UnitImport, load: Callable[[int], bytes]) -> None:
    """Keep what is still to be read of a file, encrypted; the first piece, which has the header, in any case."""
    next_number = unit_import.bytes_done // PIECE_BYTES
    for number in sorted({0, *range(next_number, -(-unit_import.size // PIECE_BYTES))}):
        UnitImportPiece.objects.create(
            unit_import=unit_import, number=number, sealed=seal_piece(load(number), unit_import.digest, number)
        )


def forget_pieces(unit_import: UnitImport, before: int) -> None:
    """Delete the pieces that were taken in: those before that place in the file, and all where the file is finished."""
    done = UnitImportPiece.objects.filter(unit_import=unit_import)
    if unit_import.finished_at is None:
        # The first one has the header, without which nobody could go on.
        done = done.filter(number__gt=0, number__lt=before // PIECE_BYTES)
    done.delete()


def open_kept_pieces(unit_import: UnitImport) -> io.BufferedReader:
    """The kept file. Reading from it raises PieceGone and PiecesUnreadable."""

    def load(number: int) -> bytes:
        piece = UnitImportPiece.objects.filter(unit_import=unit_import, number=number).first()
        if piece is None:
            raise PieceGone
        try:
            return open_piece(piece.sealed, unit_import.digest, number)
        except SealBroken as error:
            raise PiecesUnreadable from error

    return open_pieces(load, unit_import.size)
