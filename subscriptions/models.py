"""The subscription period, its years, and what is allocated to them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.models import Organization
from products.models import LicenseType, RegisteredProduct
from wallet.models import LedgerAccount, Transfer


class SubscriptionPeriod(models.Model):
    """The organization's own run of subscription years, the same for all its products. Set once, for good (R7)."""

    organization = models.OneToOneField(Organization, models.PROTECT, related_name="subscription_period")
    anchor_on = models.DateField()


class Subscription(models.Model):
    """A registered product's subscription: started once (R7)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="subscriptions")
    registered_product = models.OneToOneField(RegisteredProduct, models.PROTECT, related_name="subscription")
    started_on = models.DateField()
    # Whether the allowance is known to be exceeded, so that the day on which it happens is told once (R12).
    exceeded_since = models.DateField(null=True)

    def __str__(self) -> str:
        return str(self.registered_product)


class ExceededAllowance(Subscription):
    """A subscription whose growth allowance is exceeded (R12): what staff look at in the admin site."""

    class Meta:
        proxy = True
        verbose_name = _("exceeded allowance")
        verbose_name_plural = _("exceeded allowances")


class SubscriptionYear(models.Model):
    """What is written down of one product's subscription year ``number``, counted from the anchor (R4)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="years")
    number = models.PositiveIntegerField()
    # The day on which it was fully licensed, and R12's allowance as of that moment. Once set, for good (R11).
    fully_licensed_on = models.DateField(null=True)
    allowance = models.PositiveBigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "subscription", "number"], name="subscription_year_once"),
            models.CheckConstraint(
                condition=models.Q(fully_licensed_on=None, allowance=None)
                | models.Q(fully_licensed_on__isnull=False, allowance__gt=0),
                name="allowance_with_full_license",
            ),
        ]


class YearHolding(models.Model):
    """The ledger account that holds the licenses of one type allocated to a year."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    year = models.ForeignKey(SubscriptionYear, models.PROTECT, related_name="holdings")
    license_type = models.ForeignKey(LicenseType, models.PROTECT, related_name="+")
    account = models.OneToOneField(LedgerAccount, models.PROTECT, related_name="year_holding")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "year", "license_type"], name="year_holding_once")
        ]


class Allocation(models.Model):
    """One confirmation that took effect (R18). ``nonce`` names the page that was confirmed: it counts once."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="allocations")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="allocations")
    nonce = models.UUIDField()
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="allocation")
    compensation = models.OneToOneField(Transfer, models.PROTECT, null=True, related_name="compensated_allocation")
    plan = models.JSONField()
    allocated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    allocated_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "nonce"], name="allocation_once")]


class Release(models.Model):
    """What was allocated to a coming year went back to the lots that it came from, whole (R34)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="releases")
    year = models.ForeignKey(SubscriptionYear, models.PROTECT, related_name="releases")
    # Names the page that was confirmed: it counts once.
    nonce = models.UUIDField()
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="release")
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    released_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "nonce"], name="release_once")]
