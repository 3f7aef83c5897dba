"""Verify a license file: a page for anybody, without sign-in (R29)."""

from datetime import timedelta
from typing import Any

from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from hardware.license_files import Verified, verify_license_file
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.numbers import grouped
from licensemgr.core.places import Places, client_address, counted_address
from licensemgr.core.signed import DocumentRefused
from licensemgr.core.uploads import streams_upload
from licensemgr.core.worded import gettext as _
from products.answers import page

MAXIMUM_BYTES = 1024 * 1024
# How many files an address may have verified within a minute.
_PER_MINUTE = 30


class VerifyingTooMuch(Refused):
    """Something that is not verified at all."""

    def __init__(self, sentence: str, status: int) -> None:
        self.status = status
        super().__init__(sentence)


class _SmallUploadHandler(MemoryFileUploadHandler):
    """Takes one file of at most 1 MiB into memory and reads no more."""

    is_too_large = False

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *args: Any, **options: Any) -> None:
        self.activated = True
        # Beside the file there is a form of a few hundred bytes; it may hold the text of a file, too.
        self.is_too_large = content_length > 2 * MAXIMUM_BYTES

    def new_file(self, *args: Any, **options: Any) -> None:
        if self.is_too_large or not self._is_first:
            raise StopUpload(connection_reset=True)
        self._is_first = False
        super().new_file(*args, **options)

    _is_first = True


def _prepare(request: HttpRequest) -> None:
    request.upload_handlers = [_SmallUploadHandler(request)]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@streams_upload(_prepare)
def verify(request: HttpRequest) -> HttpResponse:
    """Whether a file was signed by this portal and not altered, and what it says; nothing else is told."""
    context: dict[str, Any] = {"maximum": MAXIMUM_BYTES // 1024 // 1024}
    status = 200
    if request.method == "POST":
        try:
            verified = verify_license_file(_document(request), clock.now())
        except Refused as refused:
            context["errors"], status = [str(refused.sentence)], refused.status
        except DocumentRefused as refused:
            context["invalid"], status = refused.sentence, 422
        else:
            context["verified"] = verified
            context["rows"] = _facts(verified)
    return page(request, "portal/verify.html", context, status=status)


def _document(request: HttpRequest) -> bytes:
    """The file that was chosen, or the text that was pasted. Raises VerifyingTooMuch."""
    file = request.FILES.get("file")
    handler = request.upload_handlers[0]
    pasted = request.POST.get("text", "").strip()
    document = file.read(MAXIMUM_BYTES + 1) if file is not None else pasted.encode(errors="replace") + b"\n"
    if (isinstance(handler, _SmallUploadHandler) and handler.is_too_large) or len(document) > MAXIMUM_BYTES:
        sentence = _("A license file is never larger than %(limit)s MiB, so this is none.")
        raise VerifyingTooMuch(sentence % {"limit": grouped(MAXIMUM_BYTES // 1024 // 1024)}, 413)
    if file is None and not pasted:
        raise VerifyingTooMuch(_("Choose a license file, or paste its text."), 422)
    address = counted_address(client_address(request))
    if Places(f"verify:{address}", _PER_MINUTE, timedelta(minutes=1)).take() is None:
        raise VerifyingTooMuch(_("Too many files were verified from your network. Try again in a minute."), 429)
    return document


def _facts(verified: Verified) -> list[tuple[str, object]]:
    payload = verified.payload
    return [
        (_("Issuer"), payload["issuer"]),
        (_("Organization"), payload["organization"]),
        # Files of before it was named have none.
        (_("Days are those of the time zone"), payload.get("time_zone", "–")),
        (_("Product"), payload["product"]["name"]),
        (_("System id"), payload["system_id"]),
        (_("Number of the file"), payload["sequence"]),
        (_("Issued"), payload["issued_at"]),
        (_("To be replaced by a newer file after"), payload["expires_at"]),
        (_("Signed by key"), verified.kid),
    ]
