"""Where a hardware unit's numbers come from: its licenses, the devices on it, what it lacks (R24-R27)."""

from django.db.models import Q

from hardware.models import HardwareUnit
from hardware.queries import UnitState
from licensemgr.core.worded import gettext as _
from products.models import LicenseType
from products.why import Addend, Counted, Explanation, explain, explain_devices, of_type, why_link
from wallet.models import AccountCategory
from wallet.why import Accounts, explain_entries


def why_unit_licenses(unit: HardwareUnit, license_type: LicenseType, *, after: str = "") -> Explanation:
    """The licenses that a unit holds: preloaded, allocated to it, moved with a repair, ended (R24, R26, R27)."""
    accounts = Accounts(
        unit.registered_product,
        {
            "category": AccountCategory.HELD,
            "unit_holding__unit": unit.pk,
            "license_type": license_type.pk,
        },
    )
    return explain_entries(
        accounts,
        title=of_type(license_type, _("licenses of hardware unit %(serial)s") % {"serial": unit.serial}),
        rule=_(
            "Licenses that came preloaded and expansion licenses that were allocated stay on the unit until its life ends."
        ),
        number=accounts.balance(),
        after=after,
    )


def why_unit_devices(
    unit: HardwareUnit, state: UnitState, license_type: LicenseType, *, after: str = ""
) -> Explanation:
    """The devices of all systems of the unit's product that are on it (R25)."""
    return explain_devices(
        unit.registered_product,
        license_type,
        where=Q(system__placements__serial=unit.serial, system__placements__until_on=None),
        title=of_type(license_type, _("devices on hardware unit %(serial)s") % {"serial": unit.serial}),
        rule=_("The devices of all systems of the product that say that they are on this unit, as last reported."),
        number=state.devices.get(license_type.code, 0),
        after=after,
    )


def why_unit_lacks(unit: HardwareUnit, state: UnitState, license_type: LicenseType) -> Explanation:
    """What a unit holds too few for the devices of the systems on it (R25)."""
    code = license_type.code
    devices, licenses = state.devices.get(code, 0), state.licenses.get(code, 0)
    addends = [
        Addend(_("Devices on the unit"), devices, link=why_link("unit-devices", unit=unit.pk, type=code)),
        Addend(_("Licenses of the unit"), -licenses, link=why_link("unit", unit=unit.pk, type=code)),
        Addend(_("Licenses beyond the devices: for devices that are added later"), max(0, licenses - devices)),
    ]
    return explain(
        of_type(license_type, _("lacking on hardware unit %(serial)s") % {"serial": unit.serial}),
        state.short.get(code, 0),
        Counted.LICENSES,
        _("A unit needs one license of a type for each device of that type on it; what it holds too few it lacks."),
        addends,
    )
