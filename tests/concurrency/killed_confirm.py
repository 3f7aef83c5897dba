"""Confirms an upload as a browser does, in a process that is gone at a named point: no handler runs, nothing is tidied up.

    python -m tests.concurrency.killed_confirm POINT ADDRESS SESSION

POINT is ``between``, when the first file was taken and the second is read, or ``within``, when all of the second is written
and not committed yet.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

GONE = 9


def dies_at_second(function: Callable[..., Any], *, finishing: bool) -> Callable[..., Any]:
    """The function, but its second call never comes back; ``finishing`` lets it do its work before."""
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < 2:
            return function(*args, **kwargs)
        if finishing:
            function(*args, **kwargs)
        os._exit(GONE)

    return call


def main(point: str, address: str, session: str) -> None:
    """Confirm."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.test import Client

    from hardware import staging
    from licensemgr.core import clock
    from tests.hardware.offline import NOON

    setattr(clock, "now", lambda: NOON)  # noqa: B010 - the clock of the test that waits for this process
    name = {"between": "_read", "within": "accept_report"}[point]
    setattr(staging, name, dies_at_second(getattr(staging, name), finishing=point == "within"))
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    client.post(address)


if __name__ == "__main__":
    main(*sys.argv[1:])
