"""What the examples of the styleguide are filled with. A component that needs data has a function here, named as it is."""

from collections.abc import Callable, Mapping
from datetime import date
from types import SimpleNamespace
from typing import Any

from django import forms
from django.core.paginator import Paginator

from licensemgr.portal.styleguide.tokens import icons
from subscriptions.rules import Status
from wallet.forms import RedeemLicenseKeyForm

LONG = (
    "A sentence that is longer than anybody would like it to be, with an unusuallylongwordthatcannotbebrokenanywhereatall "
    "in its middle, so that one sees where it wraps and that nothing is pushed out of its place."
)
# Never shown in an organization: the portal's own words in Arabic come from its translation.
ARABIC = "تنتهي فترة السماح في ١٨ ديسمبر"


class SampleForm(forms.Form):
    """One field of every kind that the portal's forms have."""

    name = forms.CharField(label="System name", help_text="How your organization calls this installation.")
    mail = forms.EmailField(label="E-mail address", required=False)
    devices = forms.IntegerField(
        label="Core device", widget=forms.TextInput(attrs={"class": "qty", "inputmode": "numeric"})
    )
    role = forms.ChoiceField(label="Role", choices=[("viewer", "Viewer"), ("manager", "Manager")])
    place = forms.ChoiceField(
        label="Where the system is", choices=[("on", "On hardware"), ("off", "Elsewhere")], widget=forms.RadioSelect
    )
    notices = forms.BooleanField(label="Mail me the notices", required=False)
    reason = forms.CharField(label="Reason", help_text=LONG, widget=forms.Textarea(attrs={"rows": 2}), required=False)
    fixed = forms.CharField(label="Cannot be changed", disabled=True, initial="f8423169-2f44-5340", required=False)


def common() -> dict[str, Any]:
    """What every example finds in its context."""
    return {
        "organization": SimpleNamespace(name="Nordhamn Logistics", slug="nordhamn-logistics"),
        "long_organization": SimpleNamespace(name=LONG[:110], slug="long"),
        "long_text": LONG,
        "arabic_text": ARABIC,
        "sample_date": date(2027, 7, 31),
        "zero": 0,
        "million": 1_234_567,
    }


def _field() -> dict[str, Any]:
    filled = {"name": "Gate recorder", "devices": "1234567", "role": "manager", "place": "on", "notices": "on"}
    return {
        "empty": SampleForm(prefix="empty"),
        "filled": SampleForm({f"filled-{name}": value for name, value in filled.items()}, prefix="filled"),
        "refused": SampleForm({"refused-devices": "many", "refused-mail": "nobody"}, prefix="refused"),
        "variants": SampleForm(prefix="variants"),
    }


def _form_errors() -> dict[str, Any]:
    return {"refused": SampleForm({"devices": "many"}), "errors": ["Nothing was entered.", LONG]}


def _key_input() -> dict[str, Any]:
    return {
        "empty": RedeemLicenseKeyForm(prefix="empty")["license_key"],
        "filled": RedeemLicenseKeyForm({"filled-license_key": "7G2KM-QW4ZT-9PXR3-HD8VB-AW5BA"}, prefix="filled")[
            "license_key"
        ],
        "refused": RedeemLicenseKeyForm({}, prefix="refused")["license_key"],
    }


def _pagination() -> dict[str, Any]:
    pages = Paginator(range(1_234_567), 10)
    return {"first": pages.page(1), "middle": pages.page(4711), "last": pages.page(pages.num_pages)}


def _confirm_panel() -> dict[str, Any]:
    return {
        "rows": [("Core device", 0), ("Universal device", "1,234,567"), ("Order reference", LONG)],
        "hidden": [("nonce", "sample")],
    }


def _status_badge() -> dict[str, Any]:
    return {"statuses": [status for status in map(str, Status) if f"status-{status}" in icons()]}


def _timeline() -> dict[str, Any]:
    def year(first: int, state: str, **more: Any) -> dict[str, Any]:
        return {
            "label": f"{first}/{first + 1}",
            "state": state,
            "start": date(first, 7, 31),
            "end": date(first + 1, 7, 30),
            **more,
        }

    return {
        "years": [
            year(2025, "past", fill_percent=100),
            year(2026, "licensed", current=True, today_percent=33, url="#years"),
            year(2027, "partial", fill_percent=60, detail="48 of 120 missing"),
            year(2028, "missing"),
            year(2029, "open"),
            year(2030, "none", detail=LONG),
        ],
        "grace": [year(2026, "grace", current=True, today_percent=5, fill_percent=8)],
        "trial": [
            {"label": "Trial", "state": "trial", "start": date(2026, 11, 8), "end": date(2026, 12, 8), "current": True}
        ],
    }


SAMPLES: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "confirm_panel": _confirm_panel,
    "field": _field,
    "form_errors": _form_errors,
    "key_input": _key_input,
    "pagination": _pagination,
    "status_badge": _status_badge,
    "timeline": _timeline,
}
