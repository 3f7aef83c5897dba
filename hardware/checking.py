"""An upload's system files, each checked whole before any transaction is opened for them: checking takes seconds (R28)."""

import contextlib
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO

from hardware.errors import ReportRefused
from hardware.proofs import Claim, claim_of
from hardware.system_files import read_system_file
from hardware.unpacking import Unpacked, Upload, unpack_uploads
from licensemgr.core.signed import DocumentRefused
from licensemgr.core.worded import gettext as _


@dataclass(frozen=True)
class CheckedFile:
    """A system file that was looked at: its digest, or why it can't be accepted."""

    name: str
    digest: str
    refusal: str
    # What it says to prove on which unit the system is; None where it was refused.
    claim: Claim | None
    # Where its content lies, packed; no bytes at all where it was refused.
    _store: IO[bytes]
    _start: int
    _length: int

    def packed(self) -> bytes:
        """Its content, packed (zlib)."""
        self._store.seek(self._start)
        return self._store.read(self._length)

    def refused(self, sentence: str) -> "CheckedFile":
        """The file as one that can't be accepted, without its content."""
        return replace(self, refusal=sentence, _length=0)


@contextlib.contextmanager
def checked_files(uploads: Iterable[Upload]) -> Iterator[Sequence[CheckedFile]]:
    """The files of an upload, those in zips one by one; their content lies on disk, without a name, for as long as this lasts.

    Raises ReportRefused when there is no file at all, UploadTooLarge when there is more than can be taken at once.
    """
    with tempfile.TemporaryFile() as store:
        checked = [_check(unpacked, store) for unpacked in unpack_uploads(uploads)]
        if not checked:
            raise ReportRefused(_("No file was chosen. Nothing was changed; choose a system file or a zip of them."))
        yield checked


def _check(unpacked: Unpacked, store: IO[bytes]) -> CheckedFile:
    digest, refusal, claim = "", unpacked.refusal, None
    if not refusal:
        try:
            file = read_system_file(unpacked.document)
        except DocumentRefused as error:
            refusal = error.sentence
        else:
            digest, claim = file.digest, claim_of(file)
    start = store.tell()
    length = 0 if refusal else store.write(zlib.compress(unpacked.document, 1))
    return CheckedFile(unpacked.name, digest, refusal, claim, store, start, length)
