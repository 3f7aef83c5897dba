"""System setup: a product's systems and hardware units."""

from django.db.models import Sum
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from hardware.contact import CONTACTS, SILENT, ContactCounts, count_contacts
from hardware.license_listing import any_offline, held_reports, license_file_states
from hardware.listing import PLACES, SOURCES, STATES, WAITING, Wanted, list_page, read_wanted
from hardware.queries import waiting_units
from organizations.access import OrganizationRequest, Permission, organization_view
from products.answers import page, registered_product_or_404
from products.models import DeviceCount, LicenseType
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
    context = {
        "active_tab": "systems",
        "product": registered_product.product,
        "status": status_words(standing),
        "standing": standing,
        "totals": _totals(standing),
        "wanted": wanted,
        "filters": _filters(wanted, contacts),
        "columns": _columns(standing, wanted, contacts),
        "waiting": waiting,
        "waiting_source": WAITING,
        "contacts": contacts,
        "silent": SILENT,
        "is_empty": not (standing.systems or registered_product.hardware_units.exists()),
        "list": listed,
        "rows": [(row, files.get(row.system.pk) if row.system else None) for row in listed.rows],
        "held": held_reports(registered_product),
        "has_offline": any_offline(request.organization),
    }
    return page(request, "hardware/system_setup.html", context)


def _totals(standing: ProductStanding) -> list[tuple[LicenseType, int]]:
    """The devices of all systems per license type, those licensed by hardware included."""
    found = dict(
        DeviceCount.objects.filter(
            organization=standing.registered_product.organization,
            system__registered_product=standing.registered_product,
            system__removed_on=None,
            until_on=None,
        )
        .values_list("license_type")
        .annotate(total=Sum("quantity"))
    )
    return [(license_type, found.get(license_type.pk, 0)) for license_type in standing.types]


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


def _columns(standing: ProductStanding, wanted: Wanted, contacts: ContactCounts) -> list[dict[str, object]]:
    names = [
        ("name", _("System"), False),
        ("unit", _("Hardware unit"), False),
        *((f"devices-{kind.code}", kind.name, True) for kind in standing.types),
        ("", _("License"), False),
        ("source", _("Source"), False),
        ("reported", _("Last report"), False),
        *([("heard", _("Last heard"), False)] if contacts.any else []),
    ]
    return [
        {
            "name": name,
            "label": label,
            "num": num,
            "aria": {name: "ascending", f"-{name}": "descending"}.get(wanted.sort),
            "link": f"-{name}" if wanted.sort == name else name,
        }
        for name, label, num in names
    ]
