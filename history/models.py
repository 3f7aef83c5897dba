"""The append-only record of what happened in an organization (R32)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """The closed list of what History tells: app, noun, what became of it."""

    ORGANIZATION_CREATED = "organizations.organization.created", _("Organization created")
    ORGANIZATION_CHANGED = "organizations.organization.changed", _("Organization changed")
    MEMBER_ADDED = "organizations.member.added", _("Member added")
    MEMBER_ROLE_CHANGED = "organizations.member.role_changed", _("Member's role changed")
    MEMBER_REMOVED = "organizations.member.removed", _("Member removed")
    MEMBER_LEFT = "organizations.member.left", _("Member left")
    MEMBER_INVITED = "organizations.member.invited", _("Member invited")
    INVITATION_REVOKED = "organizations.invitation.revoked", _("Invitation revoked")
    SUPPORT_VIEW_OPENED = "organizations.support_view.opened", _("Support view opened")
    SUPPORT_VIEW_ENDED = "organizations.support_view.ended", _("Support view ended")
    ORGANIZATION_EXPORTED = "organizations.organization.exported", _("History and entries downloaded")
    ORGANIZATION_CLOSED = "organizations.organization.closed", _("Organization closed")
    PRODUCT_REGISTERED = "products.product.registered", _("Product registered")
    PRODUCT_HIDDEN = "products.product.hidden", _("Product hidden")
    PRODUCT_SHOWN = "products.product.shown", _("Product shown again")
    SYSTEM_ADDED = "products.system.added", _("System added")
    SYSTEM_REPORTED = "products.system.reported", _("Devices of a system changed")
    SYSTEM_RENAMED = "products.system.renamed", _("System renamed")
    SYSTEM_MOVED = "hardware.system.moved", _("System moved to a hardware unit")
    REPORT_RESTORED = "hardware.report.restored", _("System file accepted as restored from a backup")
    IDENTITY_HELD = "hardware.identity.held", _("System signs with another key")
    IDENTITY_ACCEPTED = "hardware.identity.accepted", _("System's new key accepted")
    IDENTITY_REFUSED = "hardware.identity.refused", _("System's new key refused")
    CODE_MADE = "hardware.registration_code.made", _("Registration code made")
    CODE_REVOKED = "hardware.registration_code.revoked", _("Registration code revoked")
    SYSTEM_JOINED = "hardware.system.joined", _("System joined by a registration code")
    LICENSE_FILE_ISSUED = "hardware.license_file.issued", _("License file issued")
    UNIT_REGISTERED = "hardware.unit.registered", _("Hardware registered")
    UNIT_EXPANDED = "hardware.unit.expanded", _("Expansion licenses allocated")
    UNIT_RETIRED = "hardware.unit.retired", _("Hardware unit retired")
    UNIT_REPLACED = "hardware.unit.replaced", _("Hardware unit replaced")
    SYSTEM_REMOVED = "products.system.removed", _("System removed")
    KEY_REDEEMED = "wallet.license_key.redeemed", _("License key redeemed")
    REDEMPTION_UNDONE = "wallet.redemption.undone", _("Redemption undone")
    WALLET_CORRECTED = "wallet.licenses.corrected", _("Wallet corrected by the vendor")
    LOT_EXPIRED = "wallet.lot.expired", _("Stored licenses expired")
    LICENSES_COMPENSATED = "wallet.licenses.compensated", _("Compensation added to the wallet")
    SUBSCRIPTION_STARTED = "subscriptions.subscription.started", _("Subscription started")
    LICENSES_ALLOCATED = "subscriptions.licenses.allocated", _("Licenses allocated")
    YEAR_RELEASED = "subscriptions.year.released", _("Coming subscription year released")
    YEAR_OPENED = "subscriptions.year.opened", _("Subscription year and grace period opened")
    YEAR_FULLY_LICENSED = "subscriptions.year.fully_licensed", _("Subscription year fully licensed")
    ALLOWANCE_EXCEEDED = "subscriptions.allowance.exceeded", _("Growth allowance exceeded")
    ALLOWANCE_KEPT_AGAIN = "subscriptions.allowance.kept_again", _("Growth allowance kept again")


class HistoryHead(models.Model):
    """The last sequence number that an organization's History has given out."""

    organization = models.OneToOneField("organizations.Organization", models.PROTECT, primary_key=True)
    last_sequence = models.PositiveBigIntegerField(default=0)


class Record(models.Model):
    """One thing that happened. Never changed, never deleted: a trigger refuses both.

    ``payload`` holds quantities, codes and dates; names of people stay outside of it, behind ``actor``. On PostgreSQL the table
    is partitioned by organization (licensemgr.core.partitions).
    """

    organization = models.ForeignKey(
        "organizations.Organization", models.PROTECT, db_index=False, related_name="records"
    )
    sequence = models.PositiveBigIntegerField()
    action = models.CharField(max_length=60, choices=Action)
    # Empty where the system itself did it.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+")
    product = models.ForeignKey("products.Product", models.PROTECT, null=True, db_index=False, related_name="+")
    payload = models.JSONField(default=dict)
    # What the search looks through, made from the payload when it is written.
    search_text = models.TextField(blank=True)
    happened_on = models.DateField()
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["organization", "-sequence"]
        constraints = [models.UniqueConstraint(fields=["organization", "sequence"], name="record_sequence_once")]
        indexes = [models.Index(fields=["organization", "action", "-sequence"], name="record_by_action")]

    def __str__(self) -> str:
        return f"{self.happened_on} {self.get_action_display()}"
