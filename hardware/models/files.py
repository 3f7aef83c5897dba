"""What systems report by file, and the license files that they are given (R28, R29)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from hardware.models.online import RegistrationCode
from licensemgr.core.models import Caller
from licensemgr.core.worded import SentenceField
from organizations.models import Organization
from products.models import System, SystemSource


class SystemIdentity(Caller):
    """The key that a system signs with, bound to it by the first file that was accepted."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    system = models.OneToOneField(System, models.PROTECT, related_name="identity")
    # The Ed25519 public key in base64url, and its RFC 7638 thumbprint.
    public = models.CharField(max_length=43)
    thumbprint = models.CharField(max_length=43, db_index=True)
    bound_at = models.DateTimeField()
    # The registration code by which the system joined; empty where a person uploaded its first file.
    joined_by = models.ForeignKey(RegistrationCode, models.PROTECT, null=True, related_name="identities")
    # When the system last made a call that its key proved; empty for one that never called.
    heard_at = models.DateTimeField(null=True)

    class Meta(Caller.Meta):
        indexes = [models.Index(fields=["organization", "heard_at"], name="identity_by_heard")]


class Report(models.Model):
    """A system description that was accepted: what the system said, and by which file or call."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    system = models.ForeignKey(System, models.PROTECT, related_name="reports")
    request_id = models.UUIDField()
    sequence = models.PositiveBigIntegerField()
    # SHA-256 of the file: the same one twice is recognized (R28).
    digest = models.CharField(max_length=64)
    source = models.CharField(max_length=20, choices=SystemSource)
    # The license file on which the system said that it runs.
    license_file_id = models.UUIDField(null=True)
    # An administrator accepted an older sequence number once, as restored from a backup (R28).
    is_restored = models.BooleanField(default=False)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    accepted_on = models.DateField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["organization", "system", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "system", "request_id"], name="report_request_once"),
            models.UniqueConstraint(fields=["organization", "system", "digest"], name="report_file_once"),
        ]


class StagedFile(models.Model):
    """A file that was uploaded, checked and shown, and waits for an hour to be confirmed."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    # Files that were uploaded together are shown and confirmed together.
    batch = models.UUIDField()
    number = models.PositiveSmallIntegerField()
    file_name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    # Packed (zlib); empty where the file was refused.
    packed = models.BinaryField()
    # Why it was refused, in a sentence; empty where it was not.
    refusal = SentenceField(blank=True)
    # When the person confirmed, and why this file was not accepted then; empty where it was. Where only the second is there the
    # portal itself failed at it, or its clock could not be believed.
    confirmed_at = models.DateTimeField(null=True)
    outcome = SentenceField(blank=True)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "batch", "number"], name="staged_file_once")]

    @property
    def is_taken(self) -> bool:
        """Whether it was confirmed and then accepted, or held for an administrator: confirming it again changes nothing."""
        return self.confirmed_at is not None and not self.outcome


class HeldReport(models.Model):
    """A report under another key than the system's own: it waits for an administrator's decision."""

    class Decision(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused")

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="held_reports")
    system = models.ForeignKey(System, models.PROTECT, related_name="held_reports")
    public = models.CharField(max_length=43)
    thumbprint = models.CharField(max_length=43)
    digest = models.CharField(max_length=64)
    packed = models.BinaryField()
    source = models.CharField(max_length=20, choices=SystemSource)
    received_at = models.DateTimeField()
    received_on = models.DateField()
    decision = models.CharField(max_length=20, choices=Decision, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "system", "digest"], name="held_report_once"),
            # A system has one question open at a time: the newest report takes the place of the one before.
            models.UniqueConstraint(
                fields=["organization", "system"], condition=models.Q(decision=""), name="held_report_one_open"
            ),
        ]


class LicenseFile(models.Model):
    """A license file that was given. Never changed, never deleted: a trigger refuses both."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    system = models.ForeignKey(System, models.PROTECT, related_name="license_files")
    file_id = models.UUIDField(unique=True)
    sequence = models.PositiveBigIntegerField()
    request_id = models.UUIDField()
    kid = models.CharField(max_length=43)
    # SHA-256 of the file.
    digest = models.CharField(max_length=64)
    # The whole file, packed (zlib), to be handed out again as it was.
    packed = models.BinaryField()
    # What it grants, to tell whether it is stale.
    grants = models.JSONField()
    # By whose days: an IANA name. None for files of before they named it; SQLite would make the table anew, and without its
    # triggers, for a column that is never null.
    time_zone = models.CharField(max_length=60, null=True)
    issued_to = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    issued_on = models.DateField()
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ["organization", "system", "-sequence"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "system", "sequence"], name="license_file_sequence_once")
        ]


class ForgottenNumber(models.Model):
    """The highest number of a license file in the field that restored books do not know, by the system's own id.

    The system may not be in the books either, so the row is no organization's.
    """

    system_id = models.UUIDField(unique=True)
    number = models.PositiveBigIntegerField()
