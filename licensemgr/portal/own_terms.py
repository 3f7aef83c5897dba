"""Examples of terms that belong to no product's numbers: keys, files, codes and calls, as the organization has them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from hardware.contact import count_contacts
from hardware.license_listing import license_file_states
from hardware.models import LicenseFile, Report
from hardware.registration_codes import CodeState, newest_codes, state_of_code
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext, npgettext, pgettext
from organizations.models import Organization
from products.models import System, SystemSource
from subscriptions.advice import format_date
from subscriptions.queries import ProductStanding
from wallet.models import Redemption

# Of so many offline systems the license files are looked at for one that is stale.
_LOOKED_AT = 20


def _of_keys(organization: Organization) -> str:
    last = (
        Redemption.objects.filter(organization=organization, undone_on=None)
        .select_related("registered_product__product")
        .order_by("-redeemed_on", "-pk")
        .first()
    )
    if last is None:
        return ""
    return pgettext("license key", "Your last one was redeemed on %(day)s, for %(product)s.") % {
        "day": format_date(last.redeemed_on),
        "product": last.registered_product.product.name,
    }


def _of_offline(organization: Organization) -> str:
    systems = System.objects.filter(organization=organization, removed_on=None, source=SystemSource.OFFLINE).count()
    if not systems:
        return ""
    return npgettext("offline system", "You have %(n)s.", "You have %(n)s.", systems) % {"n": grouped(systems)}


def _of_system_files(organization: Organization) -> str:
    reports = Report.objects.filter(organization=organization, source=SystemSource.OFFLINE, system__removed_on=None)
    newest = reports.select_related("system").order_by("-pk").first()
    if newest is None:
        return ""
    return pgettext("system file", "Your newest one, of %(system)s, was accepted on %(day)s.") % {
        "system": newest.system.name,
        "day": format_date(newest.accepted_on),
    }


def _of_license_files(organization: Organization) -> str:
    files = LicenseFile.objects.filter(organization=organization, system__removed_on=None)
    newest = files.select_related("system").defer("packed").order_by("-pk").first()
    if newest is None:
        return ""
    return pgettext("license file", "Your newest one, for %(system)s, is of %(day)s.") % {
        "system": newest.system.name,
        "day": format_date(newest.issued_on),
    }


def _of_stale(organization: Organization, on: date, known: Sequence[ProductStanding]) -> str:
    systems = System.objects.filter(organization=organization, removed_on=None, source=SystemSource.OFFLINE)
    looked_at = list(
        systems.select_related("registered_product__product", "registered_product__organization").order_by(
            "name", "pk"
        )[:_LOOKED_AT]
    )
    states = license_file_states(organization, looked_at, on, known) if looked_at else {}
    stale = next((state for state in states.values() if state.stale), None)
    if stale is None:
        return ""
    return _("The license file of %(system)s is stale: %(why)s.") % {"system": stale.system.name, "why": stale.stale}


def _of_codes(organization: Organization) -> str:
    codes = sum(state_of_code(code) == CodeState.OPEN for code in newest_codes(organization))
    if not codes:
        return ""
    sentence = ngettext(
        "Of your newest codes %(n)s is open.",
        "Of your newest codes %(n)s are open.",
        codes,
    )
    return sentence % {"n": grouped(codes)}


def _of_silent(organization: Organization) -> str:
    counts = count_contacts(organization).values()
    silent = sum(each.silent for each in counts)
    if not any(each.any for each in counts):
        return ""
    sentence = ngettext(
        "Of your systems that are online %(n)s is silent now.",
        "Of your systems that are online %(n)s are silent now.",
        silent,
    )
    return sentence % {"n": grouped(silent)}


_OWN: Mapping[str, Callable[[Organization], str]] = {
    "license-key": _of_keys,
    "offline-system": _of_offline,
    "system-file": _of_system_files,
    "license-file": _of_license_files,
    "registration-code": _of_codes,
    "silent": _of_silent,
}


def own_examples(organization: Organization, on: date, known: Sequence[ProductStanding]) -> dict[str, str]:
    """By the term's code, an example in what the organization has; terms of which it has nothing are left out."""
    told = {code: own(organization) for code, own in _OWN.items()}
    told["stale"] = _of_stale(organization, on, known)
    return {code: example for code, example in told.items() if example}
