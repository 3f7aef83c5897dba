"""The upload of a file of units: streamed, and never written anywhere in clear."""

import hashlib
import tempfile
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.db import transaction
from django.utils.translation import gettext_lazy

from hardware.importing import begin_import
from hardware.models import UnitImport
from hardware.pieces import PIECE_BYTES, keep_pieces, open_pieces
from hardware.unit_files import UnitFile
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from organizations.models import User

MAXIMUM_UPLOAD_MEGABYTES = 200
_MAXIMUM_BYTES = MAXIMUM_UPLOAD_MEGABYTES * 1_000_000
_TAG_BYTES = 16


class SealedUpload(UploadedFile):  # type: ignore[type-arg]  # generic to the type checker only
    """A file that was uploaded: in encrypted pieces in a file without a name, under a key that dies with this object."""

    def __init__(self, name: str) -> None:
        # Gone when it is closed: Django closes the files of a request after it.
        self._store = tempfile.TemporaryFile()  # noqa: SIM115
        super().__init__(self._store, name)
        self.length = 0
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._digest = hashlib.sha256()
        self._begun = bytearray()
        self._pieces = 0

    @property
    def digest(self) -> str:
        """SHA-256 of the whole file."""
        return self._digest.hexdigest()

    @property
    def is_too_large(self) -> bool:
        """Whether it is larger than what is taken in; then nothing of it is kept."""
        return self.length > _MAXIMUM_BYTES

    def add(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        self.length += len(data)
        if self.is_too_large:
            self._store.truncate(0)
            return
        self._digest.update(data)
        self._begun += data
        while len(self._begun) >= PIECE_BYTES:
            self._seal(bytes(self._begun[:PIECE_BYTES]))
            del self._begun[:PIECE_BYTES]

    def end(self) -> None:
        """There are no more bytes."""
        if self._begun and not self.is_too_large:
            self._seal(bytes(self._begun))
        self._begun.clear()
        self.size = self.length

    def load(self, number: int) -> bytes:
        """A piece in clear, by its number from 0."""
        self._store.seek(number * (PIECE_BYTES + _TAG_BYTES))
        return self._cipher.decrypt(_nonce(number), self._store.read(PIECE_BYTES + _TAG_BYTES), None)

    def _seal(self, piece: bytes) -> None:
        self._store.write(self._cipher.encrypt(_nonce(self._pieces), piece, None))
        self._pieces += 1


def _nonce(number: int) -> bytes:
    """Each piece has its own under the upload's key, which is used for nothing else."""
    return number.to_bytes(12, "big")


class SealingUploadHandler(FileUploadHandler):
    """Makes a SealedUpload of the field ``file``; other files are passed over."""

    _upload: SealedUpload

    def new_file(self, field_name: str, file_name: str, *args: Any, **options: Any) -> None:
        if field_name != "file":
            raise SkipFile
        self._upload = SealedUpload(file_name)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._upload.add(raw_data)

    def file_complete(self, file_size: int) -> SealedUpload:
        self._upload.end()
        return self._upload


class UnitFileForm(forms.Form):
    """A file of units to upload."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy(
            "In UTF-8, with the columns serial, model and oak named on the first line; up to %(size)s MB."
        )
        % {"size": grouped(MAXIMUM_UPLOAD_MEGABYTES)},
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={
            "required": gettext_lazy("Choose a file. Nothing was taken in."),
            "empty": gettext_lazy("The file is empty. Nothing was taken in."),
        },
    )

    def clean_file(self) -> SealedUpload:
        upload = self.cleaned_data["file"]
        if not isinstance(upload, SealedUpload) or upload.is_too_large:
            raise forms.ValidationError(
                _(
                    "The file is larger than %(size)s MB. Nothing was taken in. Divide it, each part with the first line, or "
                    "let the operator run “manage.py import_units”, which takes files of any size."
                )
                % {"size": grouped(MAXIMUM_UPLOAD_MEGABYTES)}
            )
        return upload


def keep_upload(*, upload: SealedUpload, actor: User) -> UnitImport:
    """Keep an uploaded file in encrypted pieces until it is taken in; returns its import.

    A file that is known by its digest is not kept again while it is there, or finished. One whose import was begun
    elsewhere and stopped is kept from where it stopped. Raises UnitFileRefused for a file without the header.
    """
    UnitFile(open_pieces(upload.load, upload.length))
    with transaction.atomic():
        begun = begin_import(digest=upload.digest, size=upload.length, file_name=upload.name or "", actor=actor)
        unit_import = UnitImport.objects.select_for_update().get(pk=begun.pk)
        if unit_import.finished_at is None and not unit_import.pieces.exists():
            keep_pieces(unit_import, upload.load)
    return unit_import
