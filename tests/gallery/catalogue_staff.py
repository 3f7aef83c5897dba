"""The gallery: the admin site, table by table and the portal's own pages in it."""

from collections.abc import Iterator

from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import RequestFactory

from hardware.models import HardwareUnit
from licensemgr.portal.demonstration import RESELLERS_FILE
from organizations.models import AccessGrant, User
from products.models import RegisteredProduct
from tests.architecture.urls import walk
from tests.gallery.states import Answer, PageState, Steps, Visit, journey, page
from tests.gallery.world import HARBOUR

# Pages of the portal's own in the admin site: what staff do. Each is looked at and sent empty.
ACTS = {
    "admin:organizations_user_close",
    "admin:organizations_organization_support",
    "admin:wallet_keybatch_revoke",
    "admin:wallet_licensekey_revoke",
    "admin:shop_webhookdelivery_replay",
    "admin:shop_shoptoken_revoke",
    "admin:shop_webhookendpoint_edit",
    "admin:shop_webhookendpoint_turn",
    "admin:shop_webhookendpoint_secret",
    "admin:shop_webhookendpoint_test",
    "admin:auth_user_password_change",
}
NO_PAGES = {
    *(
        "admin:login",
        "admin:logout",
        "admin:autocomplete",
        "admin:jsi18n",
        "admin:view_on_site",
        "admin:password_change",
    ),
    *("admin:password_change_done", "admin:products_reseller_export", "admin:hardware_unitimport_refused"),
    # Which of them leads to the only row, which to the organization or product that it is about.
    *("admin:organizations_accessgrant_end", "admin:wallet_policy_changelist"),
}


def states() -> Iterator[PageState]:
    """All of this file."""
    yield page("admin:index", who="staff")
    yield page("admin:app_list", who="staff")
    yield page("admin_jobs", who="staff")
    for name in ACTS:
        yield journey(name, "", _of_row(name), who="staff")
    yield journey("admin:hardware_hardwareunit_replace", "", _replacing, who="staff")
    yield journey("admin:wallet_correction_add", "", _correcting, who="staff")
    yield page("admin:products_reseller_import", who="staff")
    yield page("admin:products_reseller_import", "refused", who="staff", data={}, status=422)
    yield journey("admin:products_reseller_import_report", "", _import_report, who="staff")
    yield page("admin:hardware_unitimport_upload", who="staff")
    yield page("admin:hardware_unitimport_upload", "refused", who="staff", data={}, status=422)
    for name in shown_in_admin():
        yield journey(name, "", _of_row(name), who="staff")
    yield journey("admin:organizations_organization_change", "support view ended", _ended, who="staff")
    yield journey("admin:products_reseller_delete", "", _of_row("admin:products_reseller_delete"), who="staff")


def shown_in_admin() -> Iterator[str]:
    """Lists, rows, their history and forms to add, of each table, as far as somebody of staff who may do all is let in."""
    request = _request()
    for model, site in admin.site._registry.items():
        stem = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        if f"{stem}_changelist" not in NO_PAGES:
            yield f"{stem}_changelist"
        yield from (f"{stem}_change", f"{stem}_history")
        if site.has_add_permission(request) and stem != "admin:wallet_correction":
            yield f"{stem}_add"


def is_no_page(name: str) -> bool:
    """Of the admin site: what nobody is let in to, and what is no page."""
    return name in NO_PAGES or (
        name.endswith(("_add", "_delete")) and name not in {*shown_in_admin(), "admin:wallet_correction_add"}
    )


def _request() -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return request


def _of_row(name: str) -> Steps:
    """The page of a row that its table shows."""

    def steps(visit: Visit) -> Answer:
        route = next(each for each in walk() if each.name == name)
        sites = ((site, model._meta) for model, site in admin.site._registry.items())
        site = next((site for site, meta in sites if f"/{meta.app_label}/{meta.model_name}/" in route.path), None)
        row = site.get_queryset(_request()).order_by("pk").first() if site is not None else None
        values = {**visit.world.values, "object_id": row.pk if row is not None else 1}
        visit.answer = visit.client.get(route.url(values), follow=True)
        return visit.answer

    return steps


def _replacing(visit: Visit) -> Answer:
    unit = HardwareUnit.objects.filter(ended_on=None, serial="R2116-20551").get()
    return visit.get("admin:hardware_hardwareunit_replace", object_id=unit.pk)


def _correcting(visit: Visit) -> Answer:
    product = RegisteredProduct.objects.filter(organization__slug=HARBOUR).order_by("pk")[0]
    return visit.get("admin:wallet_correction_add", f"?registered_product={product.pk}")


def _import_report(visit: Visit) -> Answer:
    file = SimpleUploadedFile("resellers.csv", RESELLERS_FILE.read_bytes())
    return visit.post("admin:products_reseller_import", {"file": file})


def _ended(visit: Visit) -> Answer:
    return visit.post("admin:organizations_accessgrant_end", {}, pk=AccessGrant.objects.latest("pk").pk)
