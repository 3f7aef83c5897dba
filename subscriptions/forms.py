"""What is typed on Product licensing, and the sealed confirmations that the pages before a Confirm send back."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from licensemgr.core.numbers import grouped, without_grouping
from licensemgr.core.worded import gettext as _
from licensemgr.core.worded import ngettext
from products.models import RegisteredProduct
from subscriptions.allocation import AllocationPreview, Plan, clean_plan, facts_shown
from subscriptions.errors import ConfirmationForged
from subscriptions.queries import ProductStanding
from subscriptions.releasing import ReleasePreview
from subscriptions.sealing import open_sealed, seal

_FIELD_NAME = re.compile(r"y([0-9]+)-(.+)", re.DOTALL)
_DIGITS = re.compile(r"[0-9]{1,9}")
_MOST = 999_999_999
_CONFIRMATION_SALT = "subscriptions.confirmation"
_RELEASE_SALT = "subscriptions.release"


class QuantityField(forms.Field):
    """A number of licenses, in digits of one script with or without the reader's marks of thousands; empty means none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def clean(self, value: Any) -> int:
        text = without_grouping(str(value or ""))
        if not text:
            return 0
        if not _DIGITS.fullmatch(text):
            raise ValidationError(
                _(
                    "Nothing was allocated: this is not a whole number from 0 to %(most)s. Type it in digits "
                    "only, such as 12."
                ),
                "whole",
                {"most": grouped(_MOST)},
            )
        return int(text)


def field_name(offset: int, code: str) -> str:
    """The name of the field for a year's offset from the current one and a license type."""
    return f"y{offset}-{code}"


class AllocationForm(forms.Form):
    """One number for each year on offer and license type (R15, R16)."""

    def __init__(self, standing: ProductStanding, data: Any = None, initial: Plan | None = None) -> None:
        super().__init__(
            data=data,
            initial={
                field_name(offset, code): quantity
                for offset, quantities in (initial or {}).items()
                for code, quantity in quantities.items()
                if quantity
            },
        )
        self.standing = standing
        # By year's offset and type code, what to say at a field whose number is a number and does not fit.
        self.marks: dict[tuple[int, str], str] = {}
        self.wanted = [(year.offset, code) for year in standing.years for code in standing.codes]
        names = {license_type.code: license_type.name for license_type in standing.types}
        for offset, code in self.wanted:
            year = standing.years[offset]
            self.fields[field_name(offset, code)] = QuantityField(
                label=_("%(type)s, year from %(first)s") % {"type": names[code], "first": year.year.first.isoformat()},
                widget=forms.TextInput(
                    attrs={
                        "class": "qty",
                        "inputmode": "numeric",
                        "autocomplete": "off",
                        "data-missing": str(year.missing[code]),
                        "data-wallet-type": code,
                        "data-type-name": names[code],
                    }
                ),
            )

    def clean(self) -> dict[str, Any]:
        for name, value in self.data.items():
            if _FIELD_NAME.fullmatch(name) and name not in self.fields and str(value).strip():
                raise ValidationError(
                    _(
                        "A year or license type was entered that is not on offer. Nothing was allocated. Check the "
                        "amounts on this page."
                    )
                )
        return self.cleaned_data

    @property
    def plan(self) -> dict[int, dict[str, int]]:
        """What was entered, per year and type, without the empty (R16)."""
        plan: dict[int, dict[str, int]] = {}
        for offset, code in self.wanted:
            plan.setdefault(offset, {})[code] = self.cleaned_data[field_name(offset, code)]
        return clean_plan(plan)

    def mark(self, offset: int, code: str, text: str) -> None:
        """Say something at a field, such as how many licenses are too many."""
        self.marks[offset, code] = text
        self.fields[field_name(offset, code)].widget.attrs["aria-invalid"] = "true"

    def fields_of(self, offset: int) -> Iterator[forms.BoundField]:
        """The bound fields of one year, in catalogue order."""
        return (self[field_name(offset, code)] for code in self.standing.codes)


def missing_plan(standing: ProductStanding, offsets: list[int] | None = None) -> dict[int, dict[str, int]]:
    """The plan that fills the years at ``offsets`` (all of them where None) with what they are missing."""
    return clean_plan(
        {year.offset: year.missing for year in standing.years if offsets is None or year.offset in offsets}
    )


@dataclass(frozen=True)
class Confirmation:
    """What the summary page showed and the Confirm sends back (R18, R20)."""

    plan: Plan
    facts: Mapping[str, Any]
    nonce: UUID


def seal_confirmation(preview: AllocationPreview) -> str:
    """The signed text that the summary page carries: what is confirmed is exactly what was shown (R20)."""
    return seal(
        preview.standing.registered_product,
        _CONFIRMATION_SALT,
        plan={str(offset): dict(quantities) for offset, quantities in preview.plan.items()},
        facts=facts_shown(preview.standing),
    )


def open_confirmation(text: str, registered_product: RegisteredProduct) -> Confirmation:
    """What was confirmed. Raises ConfirmationForged unless it was sealed for this very product of this organization."""
    sealed = open_sealed(text, registered_product, _CONFIRMATION_SALT)
    return Confirmation(
        plan={int(offset): quantities for offset, quantities in sealed["plan"].items()},
        facts=sealed["facts"],
        nonce=UUID(sealed["nonce"]),
    )


@dataclass(frozen=True)
class ReleaseConfirmation:
    """What the page of a release showed and its Confirm sends back (R34)."""

    facts: Mapping[str, Any]
    nonce: UUID


class ReleaseForm(forms.Form):
    """The tick with which a person agrees that some licenses expire as soon as they are back (R34)."""

    # Its sentence is said by the page, not by the browser.
    use_required_attribute = False
    accept_expiry = forms.BooleanField(required=False)

    def __init__(self, expiring: int, data: Any = None) -> None:
        super().__init__(data)
        self.fields["accept_expiry"].label = ngettext(
            "%(expiring)s license expires at once and can't be used any more. That is what I want.",
            "%(expiring)s licenses expire at once and can't be used any more. That is what I want.",
            expiring,
        ) % {"expiring": grouped(expiring)}


def seal_release(preview: ReleasePreview) -> str:
    """The signed text that the page of a release carries: what is confirmed is exactly what was shown (R20, R34)."""
    return seal(
        preview.standing.registered_product,
        _RELEASE_SALT,
        number=preview.year.year.number,
        facts=preview.facts(),
    )


def open_release(text: str, registered_product: RegisteredProduct, number: int) -> ReleaseConfirmation:
    """What was confirmed. Raises ConfirmationForged unless it was sealed for this very year of this very product."""
    sealed = open_sealed(text, registered_product, _RELEASE_SALT)
    if sealed["number"] != number:
        raise ConfirmationForged
    return ReleaseConfirmation(facts=sealed["facts"], nonce=UUID(sealed["nonce"]))
