"""Which tables are a tenant's, by which rows of them an organization is meant, and why the others are nobody's (R30)."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models

# Set by the connection in each transaction (licensemgr.core.postgresql). Empty and unset alike are nobody: no row.
_OURS = "ANY (NULLIF(current_setting('app.organization', true), '')::bigint[])"
_MINE = "NULLIF(current_setting('app.person', true), '')::bigint"

# Beside an organization's rows a person sees the own ones, wherever they are: the door looks there who may come in.
_OWN_ROWS = {
    "organizations.Membership": "user_id",
    "organizations.AccessGrant": "user_id",
    "organizations.WorkOrder": "person_id",
    "organizations.SavedView": "user_id",
}
_OWN_ORGANIZATIONS = (  # nothing in these conditions comes from outside
    f"id IN (SELECT organization_id FROM organizations_membership WHERE user_id = {_MINE})"  # noqa: S608
    f" OR id IN (SELECT organization_id FROM organizations_accessgrant WHERE user_id = {_MINE})"
)
# Rows that are an organization's without a column that says so.
_THROUGH = {
    "organizations.WorkPiece": f"order_id IN (SELECT id FROM organizations_workorder WHERE organization_id = {_OURS})",  # noqa: S608
}

_PEOPLE = "a person, or what lets one in: people belong to no organization, memberships do"
_CATALOGUE = "the vendor's catalogue, the same for everybody"
_KEYS = "made by the vendor for whoever redeems it: whose it became stands in wallet.Redemption"
_UNITS = "made by the vendor for whoever registers it: whose it became stands in hardware.HardwareUnit"
_SHOP = "what the vendor's shop ordered and is told: it names keys, and no organization"
_PORTAL = "the installation's own: clock, jobs, keys of signing"
_DJANGO = "Django's own: sessions, rights of staff and what staff did"
NOT_A_TENANTS = {
    "organizations.User": _PEOPLE,
    "organizations.User_groups": _PEOPLE,
    "organizations.User_user_permissions": _PEOPLE,
    "organizations.ListPreference": _PEOPLE,
    "account.EmailAddress": _PEOPLE,
    "account.EmailConfirmation": _PEOPLE,
    "mfa.Authenticator": _PEOPLE,
    "products.Product": _CATALOGUE,
    "products.LicenseType": _CATALOGUE,
    "products.Reseller": _CATALOGUE,
    "products.Reseller_products": _CATALOGUE,
    "hardware.HardwareModel": _CATALOGUE,
    "hardware.PreloadedLicense": _CATALOGUE,
    "wallet.Policy": _CATALOGUE,
    "wallet.KeyBatch": _KEYS,
    "wallet.KeyBatchLine": _KEYS,
    "wallet.LicenseKey": _KEYS,
    "hardware.ManufacturedUnit": _UNITS,
    "hardware.UnitImport": _UNITS,
    "hardware.UnitImportMark": _UNITS,
    "hardware.UnitImportPiece": _UNITS,
    "hardware.UnitImportRefusal": _UNITS,
    "hardware.ForgottenNumber": "of the issue log: the books may know neither the system nor its organization",
    "shop.ShopToken": _SHOP,
    "shop.OrderLine": _SHOP,
    "shop.OrderLineBatch": _SHOP,
    "shop.WebhookEndpoint": _SHOP,
    "shop.WebhookEvent": _SHOP,
    "shop.WebhookDelivery": _SHOP,
    "shop.WebhookAttempt": _SHOP,
    "core.DemonstrationClock": _PORTAL,
    "core.ClockReading": _PORTAL,
    "core.JobRun": _PORTAL,
    "core.JobPulse": _PORTAL,
    "core.Instance": _PORTAL,
    "core.SigningKey": _PORTAL,
    "admin.LogEntry": _DJANGO,
    "auth.Permission": _DJANGO,
    "auth.Group_permissions": _DJANGO,
    "auth.Group": _DJANGO,
    "contenttypes.ContentType": _DJANGO,
    "sessions.Session": _DJANGO,
}


@dataclass(frozen=True)
class TenantTable:
    """A table whose rows are organizations'. ``ours`` and ``mine`` are conditions on a row, in SQL; ``mine`` may be empty."""

    label: str
    table: str
    # The rows of the organizations for which a transaction is.
    ours: str
    # What the person may see besides.
    mine: str = ""


def tenant_tables() -> Iterator[TenantTable]:
    """Every tenant's table of the models that there are."""
    for model in apps.get_models(include_auto_created=True):
        meta = model._meta
        if meta.proxy or not meta.managed or meta.label in NOT_A_TENANTS:
            continue
        ours = _condition(model)
        if ours:
            yield TenantTable(meta.label, meta.db_table, ours, _own_rows(meta.label))


def unexplained_models() -> list[str]:
    """The models that are neither a tenant's nor explained: nobody has said yet who may see their rows."""
    return [
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and model._meta.label not in NOT_A_TENANTS and not _condition(model)
    ]


def _condition(model: type[models.Model]) -> str:
    if model._meta.label == "organizations.Organization":
        return f"id = {_OURS}"
    if model._meta.label in _THROUGH:
        return _THROUGH[model._meta.label]
    names = {field.name for field in model._meta.concrete_fields if field.is_relation}
    return f"organization_id = {_OURS}" if "organization" in names else ""


def _own_rows(label: str) -> str:
    if label == "organizations.Organization":
        return _OWN_ORGANIZATIONS
    return f"{_OWN_ROWS[label]} = {_MINE}" if label in _OWN_ROWS else ""
