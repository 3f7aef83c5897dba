"""Writes lines to the issue log as a process of the portal does: python -m tests.hardware.log_writer FILE_ID.

Says that it is ready, begins at a line on its input, ends at the next, and says how many it wrote.
"""

import select
import sys
import uuid
from datetime import UTC, datetime


def main(file_id: str) -> None:
    import django

    django.setup()
    from hardware.issue_log import note
    from hardware.models import LicenseFile
    from organizations.models import Organization
    from products.models import System

    organization = Organization(slug="a-slug-of-some-length-" * 8)
    file = LicenseFile(
        file_id=uuid.UUID(file_id),
        sequence=1,
        digest="0" * 64,
        kid="k" * 43,
        issued_at=datetime(2027, 3, 1, 12, tzinfo=UTC),
    )
    system = System(organization=organization, system_id=uuid.uuid4())
    print("ready", flush=True)
    sys.stdin.readline()
    written = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        note(file, system)
        written += 1
    print(written, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
