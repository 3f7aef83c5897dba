"""Hardware models, the units that were made, the units that are registered, and the licenses tied to them."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from licensemgr.core.numbers import grouped
from licensemgr.core.peppers import ID_LENGTH
from organizations.models import Organization
from products.models import LicenseType, Product, RegisteredProduct, System
from wallet.models import LedgerAccount, Transfer


class HardwareModel(models.Model):
    """A model of hardware made for one product, with the licenses that come preloaded on each unit (R24)."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="hardware_models")
    code = models.CharField(
        _("code"),
        max_length=60,
        unique=True,
        validators=[
            RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*$", _("Lower-case letters, digits and single hyphens only."))
        ],
    )
    name = models.CharField(_("name"), max_length=120)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class PreloadedLicense(models.Model):
    """How many licenses of one type come on each unit of a model."""

    hardware_model = models.ForeignKey(HardwareModel, models.PROTECT, related_name="preloaded")
    license_type = models.ForeignKey(LicenseType, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hardware_model", "license_type"], name="preloaded_once"),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="preloaded_positive"),
        ]

    def __str__(self) -> str:
        return f"{grouped(self.quantity)} {self.license_type}"


class ManufacturedUnit(models.Model):
    """A unit that was made. Of its owner authentication key nothing is kept from which it could be read.

    ``oak_digest`` tells whether a typed key is the right one; ``proof_key`` is the key of proofs in system files, encrypted.
    """

    # In the order of code points on either database: a migration of PostgreSQL's column says so, and one that alters the
    # column has to say it again.
    serial = models.CharField(_("serial number"), max_length=64, unique=True)
    hardware_model = models.ForeignKey(HardwareModel, models.PROTECT, related_name="+")
    oak_digest = models.CharField(max_length=64)
    # Which pepper made the digest (licensemgr.core.peppers); empty in rows of before there were ids.
    pepper_id = models.CharField(max_length=ID_LENGTH, blank=True, default="", db_default="")
    proof_key = models.BinaryField()
    # The last file in which it stood, by which a serial number that stands in one file twice is found (with UnitImportMark
    # where two files are under way); nothing looks for units by it.
    last_import = models.ForeignKey("UnitImport", models.PROTECT, null=True, related_name="+", db_index=False)

    def __str__(self) -> str:
        return self.serial


class HardwareUnit(models.Model):
    """A unit that an organization registered (R24): once, for the lifetime of the unit."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="hardware_units")
    registered_product = models.ForeignKey(RegisteredProduct, models.PROTECT, related_name="hardware_units")
    # The constraint that lets one unit be registered once, whatever else fails.
    made = models.OneToOneField(ManufacturedUnit, models.PROTECT, related_name="registration")
    # As of the unit that was made, so that lists of one organization search it without a join.
    serial = models.CharField(_("serial number"), max_length=64)
    registered_on = models.DateField()
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    # Whether systems of its product are on it; kept by `hardware.keeping.keep_units`, worked out anew by ``verify_books``.
    has_systems = models.BooleanField(default=False)
    # Its life ended (R27): retired by an administrator, or replaced by staff.
    ended_on = models.DateField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["organization", "serial"]
        indexes = [
            models.Index(fields=["organization", "registered_product", "serial"], name="unit_by_product"),
            # Counts and names the active ones without reading their rows.
            models.Index(
                fields=["organization", "registered_product", "serial"],
                condition=models.Q(ended_on=None),
                name="unit_active_by_product",
            ),
            models.Index(
                fields=["organization", "registered_product", "serial"],
                condition=models.Q(ended_on=None, has_systems=False),
                name="unit_waiting_by_product",
            ),
        ]

    def __str__(self) -> str:
        return self.serial

    @property
    def is_active(self) -> bool:
        """Whether its licenses hold: neither retired nor replaced."""
        return self.ended_on is None


class UnitHolding(models.Model):
    """The ledger account that holds a unit's licenses of one type."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    unit = models.ForeignKey(HardwareUnit, models.PROTECT, related_name="holdings")
    license_type = models.ForeignKey(LicenseType, models.PROTECT, related_name="+")
    account = models.OneToOneField(LedgerAccount, models.PROTECT, related_name="unit_holding")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "unit", "license_type"], name="unit_holding_once")
        ]

    def __str__(self) -> str:
        return f"{self.unit}: {self.license_type}"


class Placement(models.Model):
    """The unit on which a system says that it is, by the unit's serial number, registered or not (R5).

    The row whose ``until_on`` is empty counts today.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    system = models.ForeignKey(System, models.PROTECT, related_name="placements")
    serial = models.CharField(max_length=64)
    from_on = models.DateField()
    until_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "system"], condition=models.Q(until_on=None), name="placement_one_current"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "serial"], condition=models.Q(until_on=None), name="placement_now")
        ]

    def __str__(self) -> str:
        return self.serial


class LackingUnit(models.Model):
    """What an active unit lacks for the devices of the systems on it (R25), kept so that pages need not add up all units.

    Written by `hardware.keeping.keep_units` within every change of what it follows from; ``verify_books`` works it out anew.
    A unit that lacks nothing has no row.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    registered_product = models.ForeignKey(RegisteredProduct, models.PROTECT, related_name="+")
    unit = models.OneToOneField(HardwareUnit, models.PROTECT, related_name="lacking")
    # As of the unit, so that the first by serial number are found by the index.
    serial = models.CharField(max_length=64)
    # Expansion licenses per license type code, each more than 0.
    lacks = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["organization", "registered_product", "serial"], name="lacking_by_product")]

    def __str__(self) -> str:
        return self.serial


class Expansion(models.Model):
    """One confirmation that allocated expansion licenses to a unit (R26). ``nonce`` names the page: it counts once."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="expansions")
    unit = models.ForeignKey(HardwareUnit, models.PROTECT, related_name="expansions")
    nonce = models.UUIDField()
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="expansion")
    # Quantities per license type code.
    quantities = models.JSONField()
    allocated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    allocated_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "nonce"], name="expansion_once")]

    def __str__(self) -> str:
        return f"{self.unit}, {self.allocated_on}"


class Replacement(models.Model):
    """Staff let a unit take the place of another (a repair): its licenses moved, once (R27)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="unit_replacements")
    old_unit = models.OneToOneField(HardwareUnit, models.PROTECT, related_name="replacement")
    new_unit = models.OneToOneField(HardwareUnit, models.PROTECT, related_name="replaced")
    # Empty where the old unit held no licenses.
    transfer = models.OneToOneField(Transfer, models.PROTECT, null=True, related_name="unit_replacement")
    reason = models.CharField(_("reason"), max_length=300)
    replaced_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    replaced_on = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="replacement_has_a_reason"),
            models.CheckConstraint(
                condition=~models.Q(old_unit=models.F("new_unit")), name="replacement_of_another_unit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.old_unit} → {self.new_unit}"
