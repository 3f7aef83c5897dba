"""When each job last ran and how it ended: kept in the database, so that every process can tell."""

from datetime import timedelta

from django.db.models import F

from licensemgr.core import clock
from licensemgr.core.models import JobPulse
from licensemgr.core.tenancy import Part, acting


def note_run(job: str, *, seconds: float, succeeded: bool) -> None:
    """A job ended just now, after so many seconds."""
    now = clock.real_now()
    changes = {"runs": F("runs") + 1, "ended_at": now, "seconds": seconds}
    changes |= {"succeeded_at": now} if succeeded else {"failures": F("failures") + 1}
    with acting(Part.UPKEEP):
        JobPulse.objects.get_or_create(job=job, defaults={"ended_at": now})
        JobPulse.objects.filter(job=job).update(**changes)


def since_success(job: str) -> timedelta | None:
    """How long ago the job last succeeded, by the machine's clock; None where it never did."""
    with acting(Part.UPKEEP):
        pulse = JobPulse.objects.filter(job=job).first()
    return clock.real_now() - pulse.succeeded_at if pulse is not None and pulse.succeeded_at is not None else None
