"""What people type on the portal's own pages. Checks form, never rules."""

import datetime
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from products.models import LicenseType, Product
from products.services import MAXIMUM_DEVICES


class DevicesField(forms.CharField):
    """A whole number of devices in ASCII digits; spaces that group digits are left out."""

    default_error_messages = {
        "required": _("Enter how many devices there are; 0 if there are none."),
        "whole": _("Enter a whole number in the digits 0 to 9, for example 25."),
        "range": _("A number of devices has to be from 0 to %(maximum)d."),
    }

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "widget",
            forms.TextInput(
                attrs={"class": "qty", "inputmode": "numeric", "pattern": "[0-9 ]*", "autocomplete": "off"}
            ),
        )
        super().__init__(**options)

    def clean(self, value: object) -> Any:
        text = "".join(str(super().clean(value)).split())
        if text.startswith("-") and text[1:].isascii() and text[1:].isdigit():
            raise ValidationError(self.error_messages["range"], "range", {"maximum": MAXIMUM_DEVICES})
        if not text.isascii() or not text.isdigit():
            raise ValidationError(self.error_messages["whole"], "whole")
        # Compared as text first: a number of thousands of digits is not turned into one.
        digits = text.lstrip("0") or "0"
        if len(digits) > len(str(MAXIMUM_DEVICES)) or int(digits) > MAXIMUM_DEVICES:
            raise ValidationError(self.error_messages["range"], "range", {"maximum": MAXIMUM_DEVICES})
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


class SystemForm(DevicesForm):
    """A system entered by hand: name, devices per type, and its id where the software shows one (R5)."""

    system_name = forms.CharField(
        label=_("System name"),
        max_length=120,
        help_text=_("How your organization calls this installation, for example “Head office”."),
        error_messages={
            "required": _("Enter a name for the system."),
            "max_length": _("A system name has at most %(limit_value)d characters; this one has %(show_value)d."),
        },
    )
    system_id = forms.UUIDField(
        label=_("System id"),
        required=False,
        help_text=_("If the software shows one. Left empty, the system gets an id here."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
        error_messages={"invalid": _("This is not a system id. It has 32 hexadecimal digits, usually in five groups.")},
    )
    # Made with the page, so that the same form sent twice adds one system.
    new_system_id = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _("This form is not complete. Load the page again."),
            "invalid": _("This form was changed on its way. Load the page again."),
        },
    )

    def __init__(self, types: Iterable[LicenseType], *args: Any, **options: Any) -> None:
        super().__init__(types, *args, **options)
        self.initial.setdefault("new_system_id", uuid.uuid4())

    @property
    def chosen_system_id(self) -> uuid.UUID:
        chosen: uuid.UUID = self.cleaned_data["system_id"] or self.cleaned_data["new_system_id"]
        return chosen


class ChooseProductForm(forms.Form):
    """The product of the catalogue to register a system of."""

    product = forms.ModelChoiceField(
        label=_("Product"),
        queryset=Product.objects.none(),
        to_field_name="code",
        empty_label=_("Choose a product"),
        error_messages={
            "required": _("Choose the product to register."),
            "invalid_choice": _("This product is not in the catalogue. Choose one of the list."),
        },
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["product"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - narrows the type
        field.queryset = Product.objects.all()


class CloseForm(forms.Form):
    """The organization's name, typed to close it."""

    name = forms.CharField(
        label=_("Name of the organization"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Type the name of the organization to close it. Nothing was changed.")},
    )


class DateForm(forms.Form):
    """The date to which the demonstration's clock moves."""

    date = forms.DateField(
        input_formats=["%Y-%m-%d"],
        error_messages={
            "required": _("Choose a date. The clock was not moved."),
            "invalid": _("This is not a date. The clock was not moved; choose one like 2027-03-01."),
        },
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def chosen(self) -> datetime.date:
        chosen: datetime.date = self.cleaned_data["date"]
        return chosen
