"""The Celery application and the whole beat schedule.

Start with ``celery -A licensemgr.celery worker`` and ``celery -A licensemgr.celery beat``; `manage.py demo` and
`manage.py serve` do. What is due is looked up in the database by the job itself, so a run that is missed, late or doubled
changes nothing.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")

from django.conf import settings

from licensemgr.watching import watch_jobs

app = Celery("licensemgr")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["licensemgr.portal", "licensemgr.shop", "hardware"])

app.conf.beat_schedule = {
    # Open years and grace periods, expire lots, tell of exceeded allowances, wherever the local day has changed.
    "settle the organizations whose day has changed": {
        "task": "portal.run_daily",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    # Somebody may be waiting for a code.
    "send the outbox": {
        "task": "portal.send_outbox",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 15},
    },
    "deliver webhooks": {
        "task": "shop.send_webhooks",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 15},
    },
    # Whoever asks starts it at once; this goes on where a worker died.
    "make the files that people asked for": {
        "task": "portal.do_work",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "forget what is over": {
        "task": "portal.forget_expired",
        "schedule": timedelta(hours=6),
        "options": {"expires": 3600},
    },
    # An upload starts it at once; this goes on where a worker died.
    "go on with files of units that were uploaded": {
        "task": "hardware.take_in_uploads",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
}
watch_jobs()
app.conf.beat_schedule_filename = str(Path(settings.VAR_DIR) / f"beat-schedule-{settings.MODE}")


def make_folders() -> None:
    """Make the folders that the filesystem transport and beat need before they start."""
    Path(settings.VAR_DIR).mkdir(parents=True, exist_ok=True)
    for name, folder in getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).items():
        if "folder" in name:
            Path(folder).mkdir(parents=True, exist_ok=True)


@worker_init.connect
def _refuse_mighty_role(**_signal: Any) -> None:
    from licensemgr.core.tenancy.starting import refuse_mighty_role

    refuse_mighty_role()


make_folders()
