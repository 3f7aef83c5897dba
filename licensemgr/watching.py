"""What the worker and beat do around each task: its lines bear its name and id, and the database learns how it ended."""

import logging.config
import time
from typing import Any

from celery import signals
from django.conf import settings
from django.db import DatabaseError

_log = logging.getLogger(__name__)
# When the tasks under way began, by their ids.
_begun: dict[str, float] = {}


def watch_jobs() -> None:
    """Connect to Celery's signals, once."""
    signals.setup_logging.connect(_set_up_logging, dispatch_uid="watching")
    signals.task_prerun.connect(_before, dispatch_uid="watching")
    signals.task_postrun.connect(_after, dispatch_uid="watching")


def _set_up_logging(**_more: Any) -> None:
    """Celery's own lines are as the portal's; that somebody listens to this signal keeps it from making its own."""
    logging.config.dictConfig(settings.LOGGING)


def _before(task_id: str, task: Any, **_more: Any) -> None:
    from licensemgr.core import logs

    logs.begin(request=task_id, task=task.name)
    _begun[task_id] = time.monotonic()


def _after(task_id: str, task: Any, state: str, retval: Any, **_more: Any) -> None:
    """A task that raised failed, and so did one that says False."""
    from licensemgr.core import logs, pulses

    seconds = time.monotonic() - _begun.pop(task_id, time.monotonic())
    try:
        pulses.note_run(task.name, seconds=seconds, succeeded=state == "SUCCESS" and retval is not False)
    except DatabaseError:
        # Every other line would say that the database is away, too.
        _log.warning("It can't be written down that %s ran.", task.name)
    finally:
        logs.begin()
