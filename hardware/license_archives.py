"""License files to carry away: their names, and a zip of many that is written as it is sent (R29)."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date

from django.utils.text import slugify

from hardware.errors import LicenseFileRefused
from hardware.license_files import document_of, issue_license_file
from hardware.models import LicenseFile
from licensemgr.core import signing_keys
from licensemgr.core.errors import Refused
from licensemgr.core.worded import gettext as _
from organizations.models import User
from products.models import System

# A zip of more systems than these is made by a worker.
MOST_AT_ONCE = 200
_LEFT_OUT = "systems-without-license-file.txt"


def file_name(file: LicenseFile) -> str:
    """The name under which a license file is downloaded."""
    return f"license-{slugify(file.system.name)[:60] or file.system.system_id}-{file.sequence}.json"


class _Sent(io.RawIOBase):
    """What the zip was written so far and nobody took yet."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]  # zipfile writes bytes
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """What came since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def require_zip(systems: Sequence[System]) -> None:
    """Raises Refused where no zip of these systems' license files can be begun: there is none, or nothing to sign with."""
    if not systems:
        raise LicenseFileRefused(
            _("There is no offline system, so no license file was made. Upload a system file first.")
        )
    signing_keys.current_key()


def zip_of_license_files(systems: Sequence[System], actor: User, on: date) -> Iterator[bytes]:
    """A zip with a license file for each system that is given one, each in a change of its own (R29).

    A text file in it lists the systems that were given none, and why. There is a part for each system, and one more.
    """
    sent = _Sent()
    names: set[str] = set()
    left_out: list[str] = []
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_DEFLATED) as archive:
        for system in systems:
            try:
                file = issue_license_file(system=system, actor=actor, on=on)
            except Refused as refused:
                left_out.append(f"{system.name} ({system.system_id}): {refused.sentence}")
            else:
                name = file_name(file)
                if name in names:
                    name = f"license-{system.system_id}-{file.sequence}.json"
                names.add(name)
                archive.writestr(name, document_of(file))
            yield sent.take()
        if left_out:
            heading = _("These systems were given no license file:")
            archive.writestr(_LEFT_OUT, "\n".join([heading, "", *left_out, ""]))
    yield sent.take()
