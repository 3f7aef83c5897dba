"""System setup: a product's systems and hardware units."""

from django.db.models import Sum
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from hardware.contact import CONTACTS, SILENT, ContactCounts, count_contacts
from hardware.license_listing import any_offline, held_reports, license_file_states
from hardware.listing import PLACES, SOURCES, STATES, WAITING, Wanted, list_page, read_wanted
from hardware.queries import waiting_units
from hardware.system_columns import SYSTEMS, system_columns
from hardware.views.organization_systems import uploads_to_confirm
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.lists import list_tools
from products.answers import page, registered_product_or_404
from products.models import DeviceCount, LicenseBasis, LicenseType
from subscriptions.queries import ProductStanding, product_standing
from subscriptions.status_words import status_words


@require_GET
@organization_view(Permission.LOOK)
def system_setup(request: OrganizationRequest, product: str) -> HttpResponse:
    """Every system and unit, how each is licensed and what it lacks; searched, filtered, sorted, 50 a page (R25)."""
    registered_product = registered_product_or_404(request, product)
    standing = product_standing(registered_product, request.today)
    wanted = read_wanted(request.GET, standing.types)
    listed = list_page(standing, wanted)
    # Without a filter they are the units of the list.
    waiting = waiting_units(registered_product).count() if wanted.is_filtered else listed.units
    systems = [row.system for row in listed.rows if row.system is not None]
    files = license_file_states(request.organization, systems, request.today, [standing])
    contacts = count_contacts(request.organization, [registered_product]).get(registered_product.pk, ContactCounts())
    columns = system_columns(standing.types, with_calls=contacts.any)
    page_url = reverse("system_setup", args=[request.organization.slug, product])
    context = {
        "active_tab": "systems",
        "product": registered_product.product,
        "status": status_words(standing),
        "standing": standing,
        "totals": _totals(standing),
        "wanted": wanted,
        "filters": _filters(wanted, contacts),
        "tools": list_tools(request, SYSTEMS, columns, page_url=page_url, subject=product, sort=wanted.sort),
        "waiting": waiting,
        "waiting_source": WAITING,
        "contacts": contacts,
        "silent": SILENT,
        "is_empty": not (standing.systems or registered_product.hardware_units.exists()),
        "list": listed,
        "rows": [(row, files.get(row.system.pk) if row.system else None) for row in listed.rows],
        "held": held_reports(registered_product),
        "has_offline": any_offline(request.organization),
        "waiting_uploads": uploads_to_confirm(request),
    }
    return page(request, "hardware/system_setup.html", context)


def _totals(standing: ProductStanding) -> list[tuple[LicenseType, int]]:
    """The devices of all systems per license type: those that count for the subscription, and those licensed by hardware."""
    tied = dict(
        DeviceCount.objects.filter(
            organization=standing.registered_product.organization,
            system__registered_product=standing.registered_product,
            license_basis=LicenseBasis.HARDWARE,
            system__removed_on=None,
            until_on=None,
        )
        .values_list("license_type")
        .annotate(total=Sum("quantity"))
    )
    return [(kind, standing.devices[kind.code] + tied.get(kind.pk, 0)) for kind in standing.types]


def _filters(wanted: Wanted, contacts: ContactCounts) -> list[dict[str, object]]:
    return [
        {
            "name": "source",
            "label": _("Source"),
            "every": _("Every source"),
            "value": wanted.source,
            "choices": SOURCES,
        },
        {
            "name": "state",
            "label": _("License"),
            "every": _("Licensed or not"),
            "value": wanted.state,
            "choices": STATES,
        },
        {
            "name": "place",
            "label": _("Hardware"),
            "every": _("Hardware or not"),
            "value": wanted.place,
            "choices": PLACES,
        },
        *([_contact_filter(wanted)] if contacts.any or wanted.contact else []),
    ]


def _contact_filter(wanted: Wanted) -> dict[str, object]:
    return {
        "name": "contact",
        "label": _("Last heard"),
        "every": _("Heard or not"),
        "value": wanted.contact,
        "choices": CONTACTS,
    }
