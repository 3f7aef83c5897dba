"""The vendor's catalogue, and what organizations have registered of it: products, systems, devices."""

from datetime import date, timedelta

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.models import Organization

_CODE = RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*$", _("Lower-case letters, digits and single hyphens only."))


class LicenseKind(models.TextChoices):
    """What a license is valid for: one subscription year, or one hardware unit for its lifetime."""

    SUBSCRIPTION = "subscription", _("Subscription")
    HARDWARE = "hardware", _("Tied to hardware")


class Product(models.Model):
    """A software product of the catalogue. ``trial_days`` of 0 means that it has no trial (R6)."""

    code = models.CharField(_("code"), max_length=60, unique=True, validators=[_CODE])
    name = models.CharField(_("name"), max_length=120)
    trial_days = models.PositiveSmallIntegerField(_("trial length in days"), default=0)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class LicenseType(models.Model):
    """What one license covers in a product. ``position`` is the catalogue order, in which R12 spends the allowance."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="license_types")
    code = models.CharField(_("code"), max_length=60, validators=[_CODE])
    name = models.CharField(_("name"), max_length=120)
    position = models.PositiveSmallIntegerField(_("catalogue order"), default=0)

    class Meta:
        ordering = ["product", "position", "pk"]
        constraints = [models.UniqueConstraint(fields=["product", "code"], name="license_type_code_once")]

    def __str__(self) -> str:
        return self.name


class RegisteredProduct(models.Model):
    """A product that an organization has registered (R5); a row of its Product list."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="registered_products")
    product = models.ForeignKey(Product, models.PROTECT, related_name="registrations")
    registered_on = models.DateField()
    # Left out of the Product list (R35); its books stay.
    hidden_on = models.DateField(null=True)
    # Written at registering: a catalogue that changes its trial later changes no trial that runs (R6).
    trial_last_on = models.DateField(null=True)

    class Meta:
        ordering = ["organization", "product__name", "pk"]
        constraints = [models.UniqueConstraint(fields=["organization", "product"], name="product_registered_once")]

    def __str__(self) -> str:
        return f"{self.product} ({self.organization})"


def trial_last_day(registered_on: date, trial_days: int) -> date | None:
    """The last day of a trial of ``trial_days`` days, or None where the product has none (R6)."""
    return registered_on + timedelta(days=trial_days) if trial_days > 0 else None


class SystemSource(models.TextChoices):
    """How a system's devices come to be known."""

    MANUAL = "manual", _("Entered by hand")
    OFFLINE = "offline", _("Offline, by system file")
    ONLINE = "online", _("Online")


class LicenseBasis(models.TextChoices):
    """What licenses a system: the subscription, or the hardware unit on which it is (R25)."""

    SUBSCRIPTION = "subscription", _("Subscription")
    HARDWARE = "hardware", _("Tied to hardware")


class System(models.Model):
    """One installation of a product. Its system id belongs to one organization at a time (R5)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="systems")
    registered_product = models.ForeignKey(RegisteredProduct, models.PROTECT, related_name="systems")
    system_id = models.UUIDField(_("system id"))
    name = models.CharField(_("system name"), max_length=120)
    source = models.CharField(max_length=20, choices=SystemSource)
    # What hardware's services decide, and write by `products.services.set_license_basis`, so that subscriptions count
    # without looking up.
    license_basis = models.CharField(max_length=20, choices=LicenseBasis, default=LicenseBasis.SUBSCRIPTION)
    license_basis_since = models.DateField()
    # As the system reported it; empty where it never did.
    software_version = models.CharField(_("software version"), max_length=60, blank=True)
    added_on = models.DateField()
    last_reported_on = models.DateField()
    removed_on = models.DateField(null=True)

    class Meta:
        ordering = ["organization", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["system_id"], condition=models.Q(removed_on=None), name="system_id_in_one_organization"
            )
        ]
        indexes = [models.Index(fields=["organization", "registered_product", "name"], name="system_by_product")]

    def __str__(self) -> str:
        return self.name


class DeviceCount(models.Model):
    """How many devices of one type a system had, from a date until the day before another.

    The row whose ``until_on`` is empty counts today. A count that changes again on its own first day is replaced,
    since no day ever ended with it. On PostgreSQL the table is partitioned by organization (licensemgr.core.partitions): a
    query names it beside the system.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, db_index=False, related_name="+")
    system = models.ForeignKey(System, models.PROTECT, db_index=False, related_name="device_counts")
    license_type = models.ForeignKey(LicenseType, models.PROTECT, db_index=False, related_name="+")
    quantity = models.PositiveIntegerField()
    # What licensed the devices in those days; the system's own as of today.
    license_basis = models.CharField(max_length=20, choices=LicenseBasis, default=LicenseBasis.SUBSCRIPTION)
    from_on = models.DateField()
    until_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "system", "license_type"],
                condition=models.Q(until_on=None),
                name="device_count_one_current",
            ),
            models.UniqueConstraint(
                fields=["organization", "system", "license_type", "from_on"], name="device_count_once_a_day"
            ),
        ]


class DeviceList(models.Model):
    """The devices of a system one by one, as its last report that named them did; see `products.device_lists`."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    system = models.OneToOneField(System, models.PROTECT, related_name="device_list")
    # Packed: at 100,000 devices a row for each would make a report take a minute.
    packed = models.BinaryField()
    total = models.PositiveIntegerField()
    reported_on = models.DateField()


class ResellerKind(models.TextChoices):
    """What somebody who sells licenses is."""

    RESELLER = "reseller", _("Reseller")
    INTEGRATOR = "integrator", _("System integrator")


class Reseller(models.Model):
    """A place at which licenses can be bought: what Where to buy lists."""

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=20, choices=ResellerKind)
    address = models.CharField(_("address"), max_length=200, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    city = models.CharField(_("place"), max_length=120)
    country = models.CharField(_("country"), max_length=2, validators=[RegexValidator(r"^[A-Z]{2}$")])
    # Degrees north and east; both or neither.
    latitude = models.FloatField(_("latitude"), null=True, blank=True)
    longitude = models.FloatField(_("longitude"), null=True, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    web = models.URLField(_("web address"), max_length=300, blank=True)
    mail = models.EmailField(_("e-mail address"), blank=True)
    # The products that are sold there; none named means all of them.
    products: "models.ManyToManyField[Product, models.Model]" = models.ManyToManyField(
        Product, blank=True, related_name="resellers", verbose_name=_("products")
    )
    is_listed = models.BooleanField(_("listed"), default=True)

    class Meta:
        ordering = ["country", "name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["country", "name", "city"], name="reseller_once"),
            models.CheckConstraint(condition=models.Q(kind__in=ResellerKind.values), name="reseller_kind_known"),
            models.CheckConstraint(
                condition=models.Q(latitude=None, longitude=None)
                | models.Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="reseller_position_on_earth",
            ),
        ]
        indexes = [models.Index(fields=["country", "is_listed"], name="reseller_by_country")]

    def __str__(self) -> str:
        return f"{self.name}, {self.city}"
