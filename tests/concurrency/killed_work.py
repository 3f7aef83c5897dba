"""A worker in a process of its own that makes what is due and says how far it is, to be killed on the way.

python -m tests.concurrency.killed_work
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

LINES, LINE = 50_000, 64


def lines() -> list[bytes]:
    """What the result has to be, whoever makes it: three pieces and a bit."""
    return [f"{number * 2654435761 % 2**64:0{LINE - 1}d}\n".encode() for number in range(LINES)]


def make(order: Any, write: IO[bytes], progress: Callable[[int, int], None]) -> None:
    """Write the lines, and say on the standard output where it is."""
    for number, line in enumerate(lines(), start=1):
        write.write(line)
        if number % 500 == 0:
            progress(number, LINES)
            print(number, flush=True)


def kinds() -> Mapping[str, Any]:
    """The table of kinds with this one."""
    from licensemgr.portal.work import KINDS, ZIP
    from organizations.access import Permission
    from organizations.work import Kind

    kind = Kind(
        permission=Permission.LOOK,
        title=lambda order: "Lines",
        make=make,
        file_name=lambda order: "lines.txt",
        content_type=ZIP,
        words=lambda done, total: f"{done} of {total}",
    )
    return {**KINDS, "lines": kind}


def main() -> None:
    """Work."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    import django

    django.setup()
    from organizations import work, working

    setattr(work, "_kinds", kinds)  # noqa: B010 - the kind that the test's process knows, too
    working.TOLD_EVERY = 0
    sys.exit(0 if working.do_work() == 1 else 1)


if __name__ == "__main__":
    main()
