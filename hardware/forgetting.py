"""Reports of systems that are online come every hour: old ones are forgotten, what they said stays in the dated counts."""

from datetime import timedelta

from django.db.models import F, OuterRef, Subquery

from hardware.models import Report
from licensemgr.core import clock
from products.models import SystemSource

REPORTS_KEPT = timedelta(days=90)
# So many are deleted at once, so that nobody waits for it.
_AT_ONCE = 2_000


def forget_old_reports() -> int:
    """Delete reports by call that came longer than REPORTS_KEPT ago; returns how many.

    The latest of each system stays, by which the next one is told from an older (R28), and so does one that an administrator
    accepted as restored.
    """
    latest = Report.objects.filter(system=OuterRef("system")).order_by("-pk").values("pk")[:1]
    old = (
        Report.objects.filter(source=SystemSource.ONLINE, received_at__lt=clock.now() - REPORTS_KEPT, is_restored=False)
        .annotate(latest=Subquery(latest))
        .exclude(pk=F("latest"))
        .order_by("pk")
    )
    forgotten = 0
    while keys := list(old.values_list("pk", flat=True)[:_AT_ONCE]):
        Report.objects.filter(pk__in=keys).delete()
        forgotten += len(keys)
    return forgotten
