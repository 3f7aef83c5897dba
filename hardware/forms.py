"""What people type on the pages of systems and hardware units. Checks form, never rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from hardware.errors import UnitEnded
from hardware.expanding import ExpansionGround, ExpansionPreview
from hardware.expansion_errors import ExpansionForged
from hardware.keys import normalize_serial
from hardware.models import HardwareUnit
from licensemgr.core.numbers import grouped, without_grouping
from products.models import LicenseType
from products.services import MAXIMUM_DEVICES
from subscriptions.errors import ConfirmationForged
from subscriptions.forms import QuantityField
from subscriptions.sealing import open_sealed, seal

_EXPANSION_SALT = "hardware.expansion"
# So much can be typed, blanks and hyphens included, of which 64 and 128 symbols are left (hardware/importing.py).
TYPED_SERIAL_LENGTH = 200
TYPED_KEY_LENGTH = 400
_SERIAL_TOO_LONG = _("This is longer than any serial number. Nothing was changed. Type it as it stands on the label.")
_KEY_TOO_LONG = _(
    "This is longer than any owner authentication key. Nothing was changed. Type it as it stands on the delivery papers."
)
_PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}


class DevicesField(forms.CharField):
    """A whole number of devices in digits of one script; the reader's own marks between groups of digits are left out."""

    default_error_messages = {
        "required": _("Enter how many devices there are; 0 if there are none."),
        "whole": _("Enter a whole number in the digits 0 to 9, for example 25."),
        "range": _("A number of devices has to be from 0 to %(maximum)s."),
    }

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "widget",
            forms.TextInput(
                attrs={"class": "qty", "inputmode": "numeric", "pattern": r"[\p{Nd}., ]*", "autocomplete": "off"}
            ),
        )
        super().__init__(**options)

    def clean(self, value: object) -> Any:
        text = without_grouping(str(super().clean(value)))
        if text.startswith("-") and text[1:].isascii() and text[1:].isdigit():
            raise ValidationError(self.error_messages["range"], "range", {"maximum": grouped(MAXIMUM_DEVICES)})
        if not text.isascii() or not text.isdigit():
            raise ValidationError(self.error_messages["whole"], "whole")
        # Compared as text first: a number of thousands of digits is not turned into one.
        digits = text.lstrip("0") or "0"
        if len(digits) > len(str(MAXIMUM_DEVICES)) or int(digits) > MAXIMUM_DEVICES:
            raise ValidationError(self.error_messages["range"], "range", {"maximum": grouped(MAXIMUM_DEVICES)})
        return int(digits)


class DevicesForm(forms.Form):
    """Devices of one system per license type of its product."""

    def __init__(self, types: Iterable[LicenseType], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.codes: dict[str, str] = {}
        for license_type in types:
            name = f"devices_{license_type.code}"
            self.codes[name] = license_type.code
            self.fields[name] = DevicesField(label=license_type.name)

    @property
    def device_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.codes]

    @property
    def devices(self) -> dict[str, int]:
        """Quantity per license type code, after checking."""
        return {code: self.cleaned_data[name] for name, code in self.codes.items()}


def initial_devices(devices: Mapping[str, int]) -> dict[str, int]:
    """Initial values of a DevicesForm."""
    return {f"devices_{code}": quantity for code, quantity in devices.items()}


class SystemNameForm(forms.Form):
    """Another name for a system."""

    name = forms.CharField(
        label=_("System name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("Enter a name for the system. Nothing was changed."),
            "max_length": _("A system name has at most %(limit_value)d characters; this one has %(show_value)d."),
        },
    )


class MoveSystemForm(forms.Form):
    """The registered hardware unit on which a system is, by its serial number; empty for none.

    ``units`` are all that were registered for its product, also those whose life is over.
    """

    serial = forms.CharField(
        label=_("Hardware unit"),
        required=False,
        max_length=TYPED_SERIAL_LENGTH,
        help_text=_("The serial number of a unit that is registered for this product. Leave it empty for no unit."),
        error_messages={"max_length": _SERIAL_TOO_LONG},
        widget=forms.TextInput(attrs={**_PLAIN, "class": "mono", "list": "units"}),
    )

    def __init__(self, units: "QuerySet[HardwareUnit]", *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.units = units

    def clean_serial(self) -> HardwareUnit | None:
        if self.add_prefix("serial") not in self.data:
            # Empty means no unit; what has no such field at all is no form of ours, and moves nothing.
            raise ValidationError(_("This form is not complete. Nothing was changed; load the page again."))
        serial = normalize_serial(self.cleaned_data["serial"])
        unit = self.units.filter(serial=serial).first() if serial else None
        if serial and unit is None:
            raise ValidationError(
                _(
                    "No unit of this product with this serial number is registered here. Nothing was changed. Compare it with "
                    "the label, or register the unit first."
                )
            )
        if unit is not None and unit.ended_on is not None:
            raise ValidationError(str(UnitEnded(serial=unit.serial, on=unit.ended_on).sentence))
        return unit


class RegisterHardwareForm(forms.Form):
    """Serial number and owner authentication key. Whether they go together is the service's to say (R24)."""

    serial = forms.CharField(
        label=_("Serial number"),
        max_length=TYPED_SERIAL_LENGTH,
        help_text=_("It stands on the label of the hardware."),
        error_messages={
            "required": _("Enter the serial number. Nothing was changed."),
            "max_length": _SERIAL_TOO_LONG,
        },
        widget=forms.TextInput(attrs={**_PLAIN, "class": "mono"}),
    )
    owner_authentication_key = forms.CharField(
        label=_("Owner authentication key (OAK)"),
        max_length=TYPED_KEY_LENGTH,
        help_text=_("It came with the hardware, on paper. Capitals, spaces and hyphens do not matter."),
        error_messages={
            "required": _("Enter the owner authentication key. Nothing was changed."),
            "max_length": _KEY_TOO_LONG,
        },
        widget=forms.TextInput(attrs={**_PLAIN, "class": "mono"}),
    )


_WHOLE_NUMBER = _("Enter a whole number in the digits 0 to 9. No code was made.")


def _number(label: Any, initial: int, help_text: Any) -> forms.IntegerField:
    """A whole number; whether it is in range is the service's to say."""
    return forms.IntegerField(
        label=label,
        initial=initial,
        help_text=help_text,
        widget=forms.TextInput(attrs={"class": "qty", "inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": _WHOLE_NUMBER, "invalid": _WHOLE_NUMBER},
    )


class RegistrationCodeForm(forms.Form):
    """For which systems a registration code is, and for how long."""

    label = forms.CharField(
        label=_("Name"),
        max_length=120,
        help_text=_("What you call it: a site, a delivery. It is not part of the code."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("Enter a name, so that you can tell your codes apart. No code was made."),
            "max_length": _("A name has at most %(limit_value)d characters; this one has %(show_value)d."),
        },
    )
    uses = _number(_("Number of systems"), 1, _("So many systems can join by the code; each uses it once."))
    days = _number(_("Days"), 7, _("For so many days from now on."))
    form_token = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _("This form is not complete. No code was made; load the page again."),
            "invalid": _("This form is not complete. No code was made; load the page again."),
        },
    )


class RetireForm(forms.Form):
    """The unit's serial number, typed by who retires it (R27)."""

    serial = forms.CharField(
        label=_("Serial number"),
        max_length=TYPED_SERIAL_LENGTH,
        error_messages={
            "required": _("Type the serial number of the unit to retire it. Nothing was changed."),
            "max_length": _SERIAL_TOO_LONG,
        },
        widget=forms.TextInput(attrs={**_PLAIN, "class": "mono"}),
    )


def _quantity_name(code: str) -> str:
    """The name of the field for a license type."""
    return f"licenses-{code}"


class ExpansionForm(forms.Form):
    """How many expansion licenses of each type the unit is to get (R26)."""

    def __init__(self, ground: ExpansionGround, data: Any = None, initial: Mapping[str, int] | None = None) -> None:
        filled = ground.state.short if initial is None else initial
        super().__init__(
            data=data, initial={_quantity_name(code): quantity for code, quantity in filled.items() if quantity}
        )
        self.codes = [license_type.code for license_type in ground.types]
        for license_type in ground.types:
            self.fields[_quantity_name(license_type.code)] = QuantityField(
                label=license_type.name,
                widget=forms.TextInput(
                    attrs={
                        "class": "qty",
                        "inputmode": "numeric",
                        "autocomplete": "off",
                        "data-missing": str(ground.state.short.get(license_type.code, 0)),
                        "data-wallet-type": license_type.code,
                        "data-type-name": license_type.name,
                    }
                ),
            )

    def clean(self) -> dict[str, Any]:
        for name, value in self.data.items():
            if name.startswith(_quantity_name("")) and name not in self.fields and str(value).strip():
                raise ValidationError(
                    _(
                        "A license type was entered that this product does not have. Nothing was allocated. Load the page "
                        "again and enter the quantities there."
                    )
                )
        return self.cleaned_data

    @property
    def quantity_fields(self) -> list[forms.BoundField]:
        """The bound fields, in catalogue order."""
        return [self[_quantity_name(code)] for code in self.codes]

    @property
    def quantities(self) -> dict[str, int]:
        """What was entered per license type code, without the empty; after checking."""
        entered = {code: self.cleaned_data[_quantity_name(code)] for code in self.codes}
        return {code: quantity for code, quantity in entered.items() if quantity}


@dataclass(frozen=True)
class ExpansionConfirmation:
    """What the summary page showed and the Confirm sends back (R18, R20)."""

    quantities: Mapping[str, int]
    facts: Mapping[str, Any]
    nonce: UUID


def seal_expansion(preview: ExpansionPreview) -> str:
    """The signed text that the summary page carries: what is confirmed is exactly what was shown (R20)."""
    unit = preview.ground.unit
    return seal(
        unit.registered_product,
        _EXPANSION_SALT,
        unit=unit.pk,
        quantities=dict(preview.quantities),
        facts=preview.ground.facts(),
    )


def open_expansion(text: str, unit: HardwareUnit) -> ExpansionConfirmation:
    """What was confirmed. Raises ExpansionForged unless it was sealed for this very unit."""
    try:
        sealed = open_sealed(text, unit.registered_product, _EXPANSION_SALT)
    except ConfirmationForged as error:
        raise ExpansionForged from error
    if sealed["unit"] != unit.pk:
        raise ExpansionForged
    return ExpansionConfirmation(sealed["quantities"], sealed["facts"], UUID(sealed["nonce"]))
