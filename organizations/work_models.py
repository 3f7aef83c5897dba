"""Work that takes long (exports, zips, lists): who asked for what, how far it is, and its result in pieces.

Pieces lie in the database, since the web server and the worker may be on different machines.
"""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from licensemgr.core.worded import SentenceField


class WorkState(models.TextChoices):
    """How work stands."""

    QUEUED = "queued", _("Waiting for its turn")
    RUNNING = "running", _("Being made")
    DONE = "done", _("Ready")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("No longer kept")


UNDER_WAY = (WorkState.QUEUED, WorkState.RUNNING)


class WorkOrder(models.Model):
    """A file that a person asked for and that a worker makes. Forgotten a week after it was made."""

    organization = models.ForeignKey("organizations.Organization", models.PROTECT, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    # A name in the table of kinds (licensemgr/portal/work.py), and what that kind has to know.
    kind = models.CharField(max_length=40)
    arguments = models.JSONField(default=dict)
    # SHA-256 of the kind and the arguments: the same work is under way for a person once.
    fingerprint = models.CharField(max_length=64)
    # The language in which it was asked for, in which the file and its mail are written.
    language = models.CharField(max_length=20)
    # The organization's date for which it is made: of the asking, and then of the making.
    on = models.DateField()
    state = models.CharField(max_length=10, choices=WorkState, default=WorkState.QUEUED)
    # Rows, systems … that were done, of how many. Neither goes back, whoever goes on with it; a total of 0 is not known yet.
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    # Why it failed, for whoever asked.
    sentence = SentenceField(blank=True)
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # From then on the result can't be fetched any more.
    kept_until = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)
    # The worker that has it in hand writes only while the claim is its own; once it is over another one may go on. Where
    # the work waits, it waits until then.
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # The result's length in bytes, and what the kind has to remember of it.
    size = models.PositiveBigIntegerField(default=0)
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["-made_at", "-pk"]
        indexes = [
            models.Index(fields=["organization", "person", "-made_at"], name="work_order_of_person"),
            models.Index(fields=["made_at"], condition=Q(state__in=["queued", "running"]), name="work_order_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "person", "fingerprint"],
                condition=Q(state__in=["queued", "running"]),
                name="work_order_under_way_once",
            ),
            models.CheckConstraint(condition=Q(state__in=WorkState.values), name="work_order_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or is being made."""
        return self.state in UNDER_WAY

    def is_ready(self, at: datetime) -> bool:
        """Whether its result can be fetched at that instant."""
        return self.state == WorkState.DONE and self.kept_until is not None and at < self.kept_until

    def is_gone(self, at: datetime) -> bool:
        """Whether its result was there and is not kept any more."""
        return self.state == WorkState.EXPIRED or (self.state == WorkState.DONE and not self.is_ready(at))

    @property
    def percent(self) -> int | None:
        """How much is done; 100 only once it is ready, None while the total is not known."""
        if self.state in (WorkState.DONE, WorkState.EXPIRED):
            return 100
        return min(99, self.done * 100 // self.total) if self.total else None


class WorkPiece(models.Model):
    """A piece of a result: all of one length but the last. Those of a worker that was killed are made anew."""

    order = models.ForeignKey(WorkOrder, models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "number"], name="work_piece_once")]
