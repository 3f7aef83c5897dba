"""What staff say to issue license keys, and the file in which they get them."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from licensemgr.core.worded import gettext as _
from products.models import LicenseKind, LicenseType, Product, Reseller
from wallet.batches import vendors_today
from wallet.models import KeyBatch
from wallet.services import MAXIMUM_KEYS, MAXIMUM_LICENSES


class ChooseProductForm(forms.Form):
    """For which product keys are issued."""

    product = forms.ModelChoiceField(Product.objects.all(), label=gettext_lazy("Product"))


class IssueKeysForm(forms.Form):
    """What each key of a batch carries, and how many keys there are."""

    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=LicenseKind, widget=forms.RadioSelect)
    count = forms.IntegerField(label=gettext_lazy("How many keys"), min_value=1, max_value=MAXIMUM_KEYS)
    order_reference = forms.CharField(
        label=gettext_lazy("Order reference"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("The organization that redeems a key sees it."),
    )
    reseller = forms.ModelChoiceField(
        Reseller.objects.order_by("name", "city", "pk"), label=gettext_lazy("Reseller"), required=False
    )
    redeem_by = forms.DateField(
        label=gettext_lazy("Redeem by"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("The last day on which a key can be redeemed; empty for no end."),
    )
    form_token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, product: Product, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.types = list(product.license_types.order_by("position", "pk"))
        quantities = {
            self._name(license_type): forms.IntegerField(
                label=_("%(type)s per key") % {"type": license_type.name},
                min_value=0,
                max_value=MAXIMUM_LICENSES,
                required=False,
            )
            for license_type in self.types
        }
        self.fields = {"kind": self.fields.pop("kind"), **quantities, **self.fields}

    @staticmethod
    def _name(license_type: LicenseType) -> str:
        return f"licenses-{license_type.code}"

    def clean_redeem_by(self) -> date | None:
        redeem_by: date | None = self.cleaned_data["redeem_by"]
        if redeem_by is not None and redeem_by < vendors_today():
            raise forms.ValidationError(_("This day is over. No key was issued; choose a later one, or none."))
        return redeem_by

    @property
    def licenses(self) -> dict[str, int]:
        """The quantities per type code."""
        return {each.code: self.cleaned_data[self._name(each)] or 0 for each in self.types}


def key_file(batch: KeyBatch, keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """The file of a batch: a line for each key, with what it carries and for whom it is."""
    lines = list(batch.lines.select_related("license_type").order_by("license_type__position", "license_type_id"))
    types = [line.license_type.name for line in lines]
    yield ["License key", "Product", "Kind", *types, "Order reference", "Reseller", "Redeem by"]
    after = [
        batch.product.name,
        batch.kind,
        *(str(line.quantity) for line in lines),
        batch.order_reference,
        str(batch.reseller or ""),
        batch.redeem_by.isoformat() if batch.redeem_by else "",
    ]
    for key in keys:
        yield [key, *after]
