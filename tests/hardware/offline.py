"""What tests of system files share: systems in the field, their files as uploads, zips of them."""

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from licensemgr.portal.simulating import SimulatedSystem

DAY = date(2027, 3, 1)
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def vessel(name: str = "Vessel", product: str = "camera-station", **options: Any) -> SimulatedSystem:
    """A system in the field."""
    return SimulatedSystem(name, product, **options)


def system_file(system: SimulatedSystem, *, core: int = 3, **options: Any) -> bytes:
    """Its next system file."""
    return system.system_file(at=NOON, counts={"core-device": core}, **options)


def zip_of(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def send(client: Client, organization: str, *contents: bytes, **more: Any) -> Any:
    """Upload these files in one form."""
    files = [SimpleUploadedFile(f"file-{number}.json", content) for number, content in enumerate(contents, start=1)]
    return client.post(reverse("upload_system_file", args=[organization]), {"files": files} | more)


def staged(client: Client, organization: str, *contents: bytes) -> str:
    """Upload, and the address of the page before Confirm."""
    answer = send(client, organization, *contents)
    assert answer.status_code == 303, answer.content.decode()
    return str(answer["Location"])
