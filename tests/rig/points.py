"""Named points at which a process of the portal ends by SIGKILL, once for each file that the rig put for it.

Nothing of this is in the portal: it is laid around Django's own signals, its connection and its mail backend, in processes that the
rig started by `tests.rig.settings`.
"""

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

# A transfer is written and its entries are not; history is written; everything is written
# and not committed; it is committed.
IN_BOOKS = ("transfer", "history", "commit", "committed")
# A license file is written and not committed; the answer to a change is made and not sent.
OF_WEB = (*IN_BOOKS, "file", "answer")
# The mail server is not asked yet; it took the mail, and that is not written down.
OF_WORKER = ("history", "commit", "committed", "mailing", "mailed")

# How long a mail that a worker had in hand waits for another one.
CLAIMED_SECONDS = 6

_FOLDER = Path(os.environ.get("RIG_FOLDER", ""))
_ROLE = os.environ.get("RIG_ROLE", "")


def path_of(folder: Path, role: str, point: str) -> Path:
    """The file whose presence ends the next process of that role which comes to that point."""
    return folder / f"{role}-{point}"


def _visit(point: str) -> None:
    try:
        path_of(_FOLDER, _ROLE, point).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, before: Callable[..., None], after: Callable[..., None]) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        before(*args, **kwargs)
        result = original(*args, **kwargs)
        after(*args, **kwargs)
        return result

    setattr(owner, name, call)


def install() -> None:
    """Lay the points around what the portal does, and let its business date be the rig's."""
    from django.core.mail.backends.smtp import EmailBackend
    from django.db import connections
    from django.db.models.signals import post_save

    from hardware import forgetting
    from licensemgr.core import clock, mail

    _let_days_pass(clock)
    # Years pass within minutes, and what was acknowledged is looked for.
    forgetting.REPORTS_KEPT = timedelta(days=36_500)
    # Ten minutes in the portal.
    mail.CLAIMED_FOR = timedelta(seconds=CLAIMED_SECONDS)

    def written(sender: type, **_signal: Any) -> None:
        point = {"Transfer": "transfer", "Record": "history", "LicenseFile": "file"}.get(sender.__name__)
        if point is not None:
            vars(connections["default"])["changed_books"] = True
            _visit(point)

    post_save.connect(written, weak=False)
    _around(type(connections["default"]), "_commit", lambda at: _visit_changed(at, "commit"), _committed)
    _around(EmailBackend, "send_messages", lambda *_: _visit("mailing"), lambda *_: _visit("mailed"))
    _let_answers_be_lost()


def _visit_changed(wrapper: Any, point: str) -> None:
    if vars(wrapper).get("changed_books"):
        _visit(point)


def _committed(wrapper: Any) -> None:
    _visit_changed(wrapper, "committed")
    vars(wrapper).pop("changed_books", None)


def _let_answers_be_lost() -> None:
    from licensemgr.core.observing import ObservingMiddleware

    def answered(_middleware: Any, request: Any) -> None:
        if request.method == "POST":
            _visit("answer")

    _around(ObservingMiddleware, "__call__", lambda *_: None, answered)


def _let_days_pass(clock: Any) -> None:
    """As many days as the rig's file says, on top of the machine's clock."""
    real: Callable[[], datetime] = clock.real_now

    def now() -> datetime:
        passed = _FOLDER / "days"
        days = int(passed.read_text() or 0) if passed.exists() else 0
        return real() + timedelta(days=days)

    clock.now = now
