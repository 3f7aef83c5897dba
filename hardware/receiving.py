"""Taking in an upload of system files: on disk as it comes, and no more of it than may be taken (R28)."""

from typing import IO, Any, cast

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import SkipFile, StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest

from hardware.errors import UploadTooLarge
from hardware.unpacking import MAXIMUM_FILES, MAXIMUM_UNPACKED, Upload, too_many_bytes, too_many_files
from organizations.access import as_person
from organizations.models import Membership

FIELD = "files"
# What a form with 200 files has beside their bytes.
_FRAME_BYTES = 1024 * 1024


class SystemFileUploadHandler(TemporaryFileUploadHandler):
    """Keeps the files of the field ``files`` on disk; stops reading at more than may be taken, and for a stranger at once."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.refused: UploadTooLarge | None = None
        self._is_stranger = not _is_member(request)
        self._files = 0

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: str | None = None
    ) -> None:
        if content_length > MAXIMUM_UNPACKED + _FRAME_BYTES:
            self.refused = too_many_bytes()

    def new_file(self, *args: Any, **options: Any) -> None:
        field_name = args[0] if args else options["field_name"]
        if field_name != FIELD:
            raise SkipFile
        self._files += 1
        if self._files > MAXIMUM_FILES:
            self.refused = too_many_files()
        if self.refused is not None or self._is_stranger:
            # What has not been read stays unread.
            raise StopUpload(connection_reset=True)
        super().new_file(*args, **options)

    def file_complete(self, file_size: int) -> "UploadedFile[Any] | None":
        complete = super().file_complete(file_size)
        # Else a part of the form that is passed over after it would take this file for one that was broken off.
        del self.file
        return complete


def _is_member(request: HttpRequest) -> bool:
    """Whether the person may send anything at all; what exactly, the door says."""
    match = request.resolver_match
    if match is None or not request.user.is_authenticated:
        return False
    slug = match.kwargs.get("organization", "")
    with as_person(request.user):
        return Membership.objects.filter(user=request.user, organization__slug=slug).exists()


def prepare_upload(request: HttpRequest) -> None:
    """Have the upload's body read by a handler of its own, before the door's transaction begins."""
    request.upload_handlers = [SystemFileUploadHandler(request)]


def uploads_of(request: HttpRequest) -> list[Upload]:
    """The files that were sent. Raises UploadTooLarge."""
    # Reading the files is what lets the handler see the body.
    files = request.FILES.getlist(FIELD)
    for handler in request.upload_handlers:
        if isinstance(handler, SystemFileUploadHandler) and handler.refused is not None:
            raise handler.refused
    return [Upload(file.name or "", cast(IO[bytes], file.file), file.size or 0) for file in files]
