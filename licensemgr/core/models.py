"""Tables that belong to no domain: the clock, the outbox, the claims of jobs."""

from django.db import models


class DemonstrationClock(models.Model):
    """The date that a demonstration shows. At most one row, of primary key 1; none means the machine's clock."""

    date = models.DateField()
    set_at = models.DateTimeField()


class ClockReading(models.Model):
    """The latest date to which any organization was brought. At most one row, of primary key 1."""

    latest = models.DateField()


class JobRun(models.Model):
    """One run of a job for one business date: claimed once, however many schedulers there are."""

    job = models.CharField(max_length=60)
    business_date = models.DateField()
    claimed_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    figures = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "business_date"], name="job_run_once_per_date")]


class JobPulse(models.Model):
    """When a job last ran and how it ended, and how often it did either (licensemgr.core.pulses)."""

    job = models.CharField(max_length=60, unique=True)
    runs = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    ended_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True)
    # How long the last run took.
    seconds = models.FloatField(default=0)


class OutboxMessage(models.Model):
    """A mail that will be sent, written in the transaction that causes it, so that neither exists without the other."""

    organization = models.ForeignKey("organizations.Organization", models.PROTECT, null=True, related_name="+")
    recipient = models.EmailField()
    subject = models.CharField(max_length=200)
    body_text = models.TextField()
    body_html = models.TextField(blank=True)
    # One message for one reason: writing the same one again changes nothing.
    reason = models.CharField(max_length=200, unique=True)
    business_date = models.DateField()
    written_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.CharField(max_length=300, blank=True)
    # After this business date the message is of no use to anybody and is not sent any more; empty: always of use.
    useful_until = models.DateField(null=True)
    # It was of no use any more before it was sent; no fault of the mail server's.
    withdrawn_at = models.DateTimeField(null=True)
    # Holds a link or code that lets its reader in: never shown to staff, and blanked once it is sent.
    is_confidential = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["next_attempt_at"], condition=models.Q(sent_at=None), name="outbox_due")]


class Instance(models.Model):
    """This installation of the portal. At most one row, of primary key 1."""

    instance_id = models.UUIDField()


class SigningKey(models.Model):
    """A key that signs license files: the next one, then the current one, then a former one, which still verifies."""

    class State(models.TextChoices):
        NEXT = "next"
        CURRENT = "current"
        FORMER = "former"

    # RFC 7638 thumbprint of the public key.
    kid = models.CharField(max_length=43, unique=True)
    # The public key in base64url, the private one encrypted (licensemgr.core.sealing).
    public = models.CharField(max_length=43)
    sealed = models.BinaryField()
    state = models.CharField(max_length=10, choices=State)
    made_at = models.DateTimeField()
    current_at = models.DateTimeField(null=True)
    former_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state__in=["next", "current"]), name="signing_key_one_of_a_state"
            )
        ]


class Caller(models.Model):
    """A row about somebody who calls the API: how many calls it may make within an hour is limited (core/calls.py)."""

    # Its calls within the window that began then, by the machine's own clock.
    calls_from = models.DateTimeField(null=True, editable=False)
    calls = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True
