"""What people type on the portal's own pages. Checks form, never rules."""

import datetime
import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hardware.forms import DevicesForm
from products.models import LicenseType, Product


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
