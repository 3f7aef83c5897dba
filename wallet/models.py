"""The ledger of licenses, the lots of the wallet, and license keys."""

from datetime import date

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from licensemgr.core.peppers import ID_LENGTH
from organizations.models import Organization
from products.models import LicenseKind, LicenseType, Product, RegisteredProduct, Reseller


class AccountUnit(models.TextChoices):
    """What a ledger account counts."""

    LICENSE = "license", _("licenses")
    DAY = "day", _("license days")


class AccountCategory(models.TextChoices):
    """Where licenses (or license days) are while they stand in an account (R23)."""

    ENTERED = "entered", pgettext_lazy("ledger account", "Entered")
    WALLET = "wallet", _("In the wallet")
    HELD = "held", _("Allocated")
    EXPIRED = "expired", pgettext_lazy("ledger account", "Expired")
    ENDED = "ended", _("Ended with their hardware unit")
    TAKEN_BACK = "taken_back", _("Taken back")
    DAYS_GIVEN = "days_given", _("Days given back")
    DAYS_CREDIT = "days_credit", _("Credit days")
    DAYS_COMPENSATED = "days_compensated", _("Days made into licenses")


# The accounts from which value enters the books: their balance counts down, all others stay at or above zero.
SOURCES = (AccountCategory.ENTERED, AccountCategory.DAYS_GIVEN)
# The categories of which an organization has exactly one account per product, type and kind.
SINGLE = tuple(c for c in AccountCategory if c not in (AccountCategory.WALLET, AccountCategory.HELD))


class LedgerAccount(models.Model):
    """A place where licenses of one product, type and kind can be. Its balance moves by transfers only."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="ledger_accounts")
    registered_product = models.ForeignKey(RegisteredProduct, models.PROTECT, related_name="ledger_accounts")
    license_type = models.ForeignKey(LicenseType, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=LicenseKind)
    unit = models.CharField(max_length=10, choices=AccountUnit)
    category = models.CharField(max_length=20, choices=AccountCategory)
    balance = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(balance__gte=0) | models.Q(category__in=SOURCES), name="balance_not_negative"
            ),
            models.UniqueConstraint(
                fields=["organization", "registered_product", "license_type", "kind", "unit", "category"],
                condition=models.Q(category__in=SINGLE),
                name="ledger_account_once",
            ),
        ]
        indexes = [models.Index(fields=["organization", "registered_product", "category"], name="account_by_product")]


class TransferReason(models.TextChoices):
    """Why licenses moved."""

    REDEEMED = "redeemed", _("License key redeemed")
    ALLOCATED = "allocated", _("Allocated to a subscription year")
    COMPENSATED = "compensated", _("Compensation for overlapping time")
    EXPIRED = "expired", _("Expired after five years in the wallet")
    PRELOADED = "preloaded", _("Preloaded on a hardware unit")
    EXPANDED = "expanded", _("Allocated to a hardware unit")
    ENDED = "ended", _("Ended with their hardware unit")
    REPLACED = "replaced", _("Moved to the unit that replaced theirs")
    UNDONE = "undone", _("Redemption undone")
    RELEASED = "released", _("Returned from a coming subscription year")
    CORRECTED = "corrected", _("Corrected by the vendor")


class Transfer(models.Model):
    """Entries that took effect together. Never changed or deleted; a correction is a new transfer."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="transfers")
    sequence = models.PositiveBigIntegerField()
    registered_product = models.ForeignKey(RegisteredProduct, models.PROTECT, related_name="transfers")
    reason = models.CharField(max_length=20, choices=TransferReason)
    # Empty where the system itself did it.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    happened_on = models.DateField()
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["organization", "sequence"]
        constraints = [models.UniqueConstraint(fields=["organization", "sequence"], name="transfer_sequence_once")]

    def moves(self) -> "models.QuerySet[Entry]":
        """Its entries, looked for where its organization's are."""
        return Entry.objects.filter(organization_id=self.organization_id, transfer=self)


class Entry(models.Model):
    """A quantity that moved from one ledger account to another. Never changed or deleted (R23).

    On PostgreSQL the table is partitioned by organization (licensemgr.core.partitions): a query names it beside the transfer.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, db_index=False, related_name="+")
    transfer = models.ForeignKey(Transfer, models.PROTECT, db_index=False, related_name="entries")
    from_account = models.ForeignKey(LedgerAccount, models.PROTECT, db_index=False, related_name="entries_out")
    to_account = models.ForeignKey(LedgerAccount, models.PROTECT, db_index=False, related_name="entries_in")
    quantity = models.PositiveBigIntegerField()

    class Meta:
        verbose_name_plural = pgettext_lazy("of the ledger", "entries")
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="entry_quantity_positive"),
            models.CheckConstraint(
                condition=~models.Q(from_account=models.F("to_account")), name="entry_between_two_accounts"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "transfer"], name="entry_by_transfer"),
            models.Index(fields=["organization", "from_account"], name="entry_by_from_account"),
            models.Index(fields=["organization", "to_account"], name="entry_by_to_account"),
        ]


class LotOrigin(models.TextChoices):
    """How a lot entered the wallet."""

    REDEEMED = "redeemed", _("License key")
    COMPENSATED = "compensated", _("Compensation")
    CORRECTED = "corrected", _("Correction by the vendor")


class Lot(models.Model):
    """Licenses of one type and kind that entered the wallet together and expire together (R22)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="lots")
    registered_product = models.ForeignKey(RegisteredProduct, models.PROTECT, related_name="lots")
    account = models.OneToOneField(LedgerAccount, models.PROTECT, related_name="lot")
    origin = models.CharField(max_length=20, choices=LotOrigin)
    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="lots")
    entered_on = models.DateField()
    # The first day on which the licenses can no longer be allocated.
    expires_on = models.DateField()

    class Meta:
        indexes = [
            models.Index(fields=["organization", "expires_on"], name="lot_by_expiry"),
            models.Index(fields=["organization", "registered_product", "expires_on"], name="lot_by_product"),
        ]

    def is_expired(self, on: date) -> bool:
        """Whether the lot can no longer be allocated on that date (R22)."""
        return self.expires_on <= on


class KeyBatch(models.Model):
    """License keys that were issued together."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=LicenseKind)
    order_reference = models.CharField(_("order reference"), max_length=80, blank=True)
    reseller = models.ForeignKey(Reseller, models.PROTECT, null=True, blank=True, related_name="key_batches")
    # The last day on which a key of the batch can be redeemed, that day included; empty for no end.
    redeem_by = models.DateField(_("redeem by"), null=True, blank=True)
    issued_at = models.DateTimeField()
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    # Names the form that was sent, so that a double click issues one batch; empty where no form was.
    form_token = models.UUIDField(null=True, unique=True)

    class Meta:
        verbose_name = _("key batch")
        verbose_name_plural = _("key batches")

    def __str__(self) -> str:
        return f"{self.product} {self.order_reference or self.pk}"


class LicenseKey(models.Model):
    """A key, of which only a keyed hash and the last five symbols are kept."""

    batch = models.ForeignKey(KeyBatch, models.PROTECT, related_name="keys")
    digest = models.CharField(max_length=64, unique=True)
    # Which pepper made the digest (licensemgr.core.peppers); empty in rows of before there were ids.
    pepper_id = models.CharField(max_length=ID_LENGTH, blank=True, default="", db_default="")
    tail = models.CharField(max_length=5)
    revoked_at = models.DateTimeField(null=True)
    # Empty where it was revoked on the command line.
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    revoked_reason = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"…{self.tail}"


class KeyBatchLine(models.Model):
    """How many licenses of one type each key of a batch carries."""

    batch = models.ForeignKey(KeyBatch, models.PROTECT, related_name="lines")
    license_type = models.ForeignKey(LicenseType, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "license_type"], name="key_batch_line_once"),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="key_batch_line_positive"),
        ]


class Redemption(models.Model):
    """A key was redeemed, whole, into one organization's wallet (R21)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="redemptions")
    registered_product = models.ForeignKey(RegisteredProduct, models.PROTECT, related_name="redemptions")
    license_key = models.ForeignKey(LicenseKey, models.PROTECT, related_name="redemptions")
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="redemption")
    redeemed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    redeemed_on = models.DateField()
    # Names the form that was sent, so that the same form sent twice is told from a second try.
    form_token = models.UUIDField(null=True)
    # Undone by an administrator (R33): the key is whole again, and this redemption counts no more.
    undone_on = models.DateField(null=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    undo_transfer = models.OneToOneField(Transfer, models.PROTECT, null=True, related_name="undone_redemption")

    class Meta:
        constraints = [
            # The constraint that lets one key be redeemed once at a time, whatever else fails (R21, R33).
            models.UniqueConstraint(
                fields=["license_key"], condition=models.Q(undone_on=None), name="license_key_redeemed_once"
            ),
            models.CheckConstraint(
                condition=models.Q(undone_on=None, undo_transfer=None)
                | models.Q(undone_on__isnull=False, undo_transfer__isnull=False),
                name="undone_redemption_has_its_transfer",
            ),
        ]


class Correction(models.Model):
    """Why staff put licenses into a wallet or took them out of it: always a new transfer, never a changed one (R23)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="corrections")
    registered_product = models.ForeignKey(RegisteredProduct, models.PROTECT, related_name="corrections")
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="correction")
    reason = models.CharField(_("reason"), max_length=300)
    # Names the form that was sent, so that a double click counts once.
    form_token = models.UUIDField(unique=True)
    corrected_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(reason=""), name="correction_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.registered_product}: {self.reason}"


class RefusedTries(models.Model):
    """Keys that one person tried in one organization from one address within one hour, and that were refused as unknown."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    address = models.CharField(_("address"), max_length=45)
    # The hour of the machine's clock in which they were tried.
    hour = models.DateTimeField(_("hour"))
    unknown = models.PositiveIntegerField(_("unknown keys"), default=0)
    # Tries that the limit refused before anything was looked up.
    limited = models.PositiveIntegerField(_("refused by the limit"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("refused tries")
        constraints = [
            models.UniqueConstraint(fields=["organization", "user", "address", "hour"], name="refused_tries_once")
        ]


class Policy(models.Model):
    """What staff decide about taking back (R33, R34). At most one row, of primary key 1; none means the rules' own."""

    undo_is_on = models.BooleanField(_("redemptions can be undone"), default=True)
    # R33's 7: a redemption can be undone up to the day of redeeming plus this many days, that day included.
    undo_days = models.PositiveSmallIntegerField(_("days to undo a redemption"), default=7)
    release_is_on = models.BooleanField(_("coming years can be released"), default=True)
    # How many days before a coming year begins its release ends; 0 is R34's own: until it begins.
    release_ends_days_before = models.PositiveSmallIntegerField(
        _("days before a coming year at which its release ends"), default=0
    )

    class Meta:
        verbose_name = verbose_name_plural = _("taking back")
