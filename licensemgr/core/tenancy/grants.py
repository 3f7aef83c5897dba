"""What each part of the portal may do with which tables, and no more (R30). Staff may everything but change tables."""

from collections.abc import Iterator, Mapping

from django.apps import apps
from django.conf import settings

from licensemgr.core.tenancy import Part
from licensemgr.core.tenancy.tables import tenant_tables

_READ = "SELECT"
_ADD = "SELECT, INSERT"
_CHANGE = "SELECT, INSERT, UPDATE"
_ALL = "SELECT, INSERT, UPDATE, DELETE"

_CATALOGUE = (
    "products.Product",
    "products.LicenseType",
    "products.Reseller",
    "products.Reseller_products",
    "hardware.HardwareModel",
    "hardware.PreloadedLicense",
    "wallet.Policy",
    "core.DemonstrationClock",
    "core.Instance",
    "core.SigningKey",
)
_KEYS = ("wallet.KeyBatch", "wallet.KeyBatchLine")
_EVENTS = ("shop.WebhookEvent", "shop.WebhookDelivery")
_SESSIONS_AND_PEOPLE = (
    "sessions.Session",
    "account.EmailAddress",
    "account.EmailConfirmation",
    "mfa.Authenticator",
    "organizations.ListPreference",
)
_RIGHTS = ("auth.Permission", "auth.Group", "auth.Group_permissions", "contenttypes.ContentType")
_RIGHTS_OF_PEOPLE = ("organizations.User_groups", "organizations.User_user_permissions")

# Beside these the tenant's part has all rights on the tenants' tables, whose policies name its rows.
_GRANTED: Mapping[Part, Mapping[tuple[str, ...], str]] = {
    Part.WEB: {
        (*_CATALOGUE, *_RIGHTS, *_RIGHTS_OF_PEOPLE, "core.ClockReading"): _READ,
        ("organizations.User",): _CHANGE,
        _SESSIONS_AND_PEOPLE: _ALL,
        # Mails to people, which are about no organization: the policy lets no others be seen.
        ("core.OutboxMessage",): _ADD,
    },
    Part.TENANT: {
        (*_CATALOGUE, *_RIGHTS, *_RIGHTS_OF_PEOPLE, *_KEYS): _READ,
        ("shop.WebhookEndpoint", "shop.OrderLine", "shop.OrderLineBatch", "account.EmailAddress"): _READ,
        ("hardware.ForgottenNumber",): _READ,
        _EVENTS: _ADD,
        ("core.ClockReading", "organizations.User"): _CHANGE,
        # Locked while they are redeemed and registered.
        ("wallet.LicenseKey", "hardware.ManufacturedUnit"): "SELECT, UPDATE",
        ("sessions.Session", "organizations.ListPreference"): _ALL,
    },
    Part.REGISTRY: {
        (*_CATALOGUE, "organizations.User", "account.EmailAddress", "core.ClockReading"): _READ,
        ("organizations.Membership", "organizations.AccessGrant", "organizations.Invitation"): _READ,
        ("organizations.Organization",): _ADD,
        ("products.RegisteredProduct", "products.System", "hardware.ManufacturedUnit", "hardware.HardwareUnit"): _READ,
        ("hardware.SystemIdentity", "hardware.RegistrationCode", "wallet.Redemption", "hardware.LicenseFile"): _READ,
        ("shop.WebhookEndpoint",): _READ,
        (*_KEYS, *_EVENTS): _ADD,
        ("shop.OrderLine", "shop.OrderLineBatch", "shop.ShopToken", "wallet.LicenseKey"): _CHANGE,
    },
    Part.UPKEEP: {
        (*_CATALOGUE, *_RIGHTS, "organizations.Membership"): _READ,
        ("organizations.Organization",): _READ,
        # The first of them in a demonstration only, whose date moves.
        ("core.DemonstrationClock", "core.JobRun", "core.JobPulse", "core.ClockReading"): _CHANGE,
        ("core.OutboxMessage", "organizations.WorkOrder", "organizations.WorkPiece"): _ALL,
        ("hardware.Report", "wallet.RefusedTries"): "SELECT, DELETE",
        ("shop.WebhookEndpoint",): "SELECT, UPDATE",
        (*_EVENTS, "shop.WebhookAttempt"): _ALL,
        (
            "hardware.UnitImport",
            "hardware.UnitImportPiece",
            "hardware.UnitImportRefusal",
            "hardware.UnitImportMark",
        ): _ALL,
        ("hardware.ManufacturedUnit",): _CHANGE,
        # Erasing a person who closed the account (R35).
        (*_SESSIONS_AND_PEOPLE, *_RIGHTS_OF_PEOPLE, "organizations.SavedView"): _ALL,
        ("organizations.User", "organizations.Invitation", "organizations.AccessGrant", "admin.LogEntry"): (
            "SELECT, UPDATE"
        ),
    },
}
# Of an organization nobody but the registry makes one, and nobody takes one away.
_NARROWER = {"organizations.Organization": "SELECT, UPDATE"}


def granted(part: Part) -> Iterator[tuple[str, str]]:
    """Each table that a part may use, and its privileges there."""
    models = {model._meta.label: model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    if part is Part.STAFF:
        yield from ((table, _ALL) for table in sorted(set(models.values())))
    if part is Part.TENANT:
        yield from ((each.table, _NARROWER.get(each.label, _ALL)) for each in tenant_tables())
    for labels, privileges in _GRANTED.get(part, {}).items():
        yield from ((models[label], privileges) for label in labels)
    # Limits are counted wherever somebody is refused.
    if settings.CACHES["default"]["BACKEND"].endswith("DatabaseCache"):
        yield settings.CACHES["default"]["LOCATION"], _ALL


def sees_whole(part: Part, table: str) -> bool:
    """Whether a part that may use a tenant's table sees the rows of every organization there."""
    return part in (Part.REGISTRY, Part.UPKEEP, Part.STAFF) and any(name == table for name, _rights in granted(part))
