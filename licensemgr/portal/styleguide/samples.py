"""What the examples of the styleguide are filled with. A component that needs data has a function here, named as it is."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

from django import forms
from django.core.paginator import Paginator

from licensemgr.core.lists import Head, KeyedPage, ListKind
from licensemgr.portal.first_steps import Action, Guide, Step
from licensemgr.portal.going import Place
from licensemgr.portal.shortcuts import Shortcut, ShownShortcut, shown_shortcuts
from licensemgr.portal.styleguide.tokens import icons
from licensemgr.portal.why import ShownAddend
from organizations.lists import MOST_VIEWS, Choice, ListTools, ViewLine
from products.why import Addend, Counted, explain
from subscriptions.rules import Status
from wallet.forms import RedeemLicenseKeyForm

LONG = (
    "A sentence that is longer than anybody would like it to be, with an unusuallylongwordthatcannotbebrokenanywhereatall "
    "in its middle, so that one sees where it wraps and that nothing is pushed out of its place."
)
ON = date(2026, 11, 28)
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
        "sample_product": SimpleNamespace(name="Camera Station", code="camera-station"),
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
    return {
        "first": pages.page(1),
        "middle": pages.page(4711),
        "last": pages.page(pages.num_pages),
        "found": KeyedPage([], 3, 1, "gate", "pier"),
        "found_last": KeyedPage([], 3, 1, "gate", ""),
    }


def _confirm_panel() -> dict[str, Any]:
    return {
        "rows": [("Core device", 0), ("Universal device", "1,234,567"), ("Order reference", LONG)],
        "hidden": [("nonce", "sample")],
    }


def _status_badge() -> dict[str, Any]:
    return {"statuses": [status for status in map(str, Status) if f"status-{status}" in icons()]}


def _guide() -> dict[str, Any]:
    actions = (Action("Redeem license key", "#main"), Action("Where to buy licenses", "#main"))
    begun = [
        Step("Register the product", "By its first system, or by a system file.", actions, True, date(2026, 11, 8)),
        Step("Start your subscription", "A grace period of 30 days follows.", actions, True, date(2026, 11, 20)),
    ]
    last = [
        Step("Redeem license key", "Buy licenses, then type the license key.", actions, False),
        Step("Allocate subscription licenses", "As many as the Current need of this year.", actions, False),
    ]
    return {
        "begun": Guide("Camera Station", (*begun, *last)),
        "done": Guide("Camera Station", tuple(replace(step, is_done=True, done_on=ON) for step in (*begun, *last))),
        "long": Guide("", tuple(replace(step, label=f"{step.label}: {LONG}", text=LONG) for step in last)),
    }


def _tools(subject: str, *, can_keep: bool = True, views: tuple[ViewLine, ...] = (), query: str = "") -> ListTools:
    """The tools of a list; one of its columns is hidden where it has views."""
    columns = (("need", "Current need"), ("status", "Status"), ("note", LONG))
    return ListTools(
        kind=ListKind(f"list-{subject}", "Product list", {"q": ""}),
        subject=subject,
        page_url="#main",
        query=query,
        heads=(
            Head("name", "Product", False, "ascending", "-name"),
            Head("need", "Current need", True, "", "need"),
            Head("note", "Note", False, "", ""),
            Head("long", LONG, False, "", "long"),
        ),
        first="Product",
        choices=tuple(Choice(name, label, not views or name != "note") for name, label in columns),
        views=views,
        most_views=MOST_VIEWS,
        columns_url="#main",
        save_url="#main",
        csv_url="#main",
        xlsx_url="#main",
        can_keep=can_keep,
        is_beside=False,
    )


def _list_tools() -> dict[str, Any]:
    named = ("Lacks licenses", LONG[:60], LONG[70:130])
    return {
        "usual": _tools("usual"),
        "looking": _tools("looking", can_keep=False),
        "kept": _tools(
            "kept", query="q=gate", views=tuple(ViewLine(name, "#main", "#main", name == named[0]) for name in named)
        ),
        "long": _tools("long", views=(ViewLine(named[2], "#main", "#main", True),)),
    }


def _list_heads() -> dict[str, Any]:
    tools = _tools("heads")
    return {"tools": tools, "fewer": tools.heads[:2]}


def _place() -> dict[str, Any]:
    return {
        "places": [
            Place("Camera Station", "Nordhamn Logistics", "#main", "products"),
            Place("Register hardware", "", "#main", "chip"),
            Place(LONG, LONG, "#main", "building"),
            Place(ARABIC, ARABIC, "#main", "key"),
        ]
    }


def _shortcuts() -> dict[str, Any]:
    more = ShownShortcut(Shortcut(("g", "g"), LONG), "")
    return {"none": [], "elsewhere": [*shown_shortcuts("", {}), more]}


def _why_dialog() -> dict[str, Any]:
    addends = [
        Addend("Gate recorder", 84, detail="Hamburg", on=ON),
        Addend("Taken off", -12, who="Ingrid Berg"),
        Addend(LONG, 1_234_567),
    ]
    why = explain(
        "Core device: Current need", 1_234_639, Counted.DEVICES, "Each device of a system needs one license.", addends
    )
    return {
        "why": why,
        "addends": [ShownAddend(each, "#main", False, False) for each in why.addends],
        "is_first": True,
    }


def _terms_line() -> dict[str, Any]:
    return {
        "some": [
            {"term": "grace period", "text": "The 30 days after a renewal date.", "id": "sample-grace"},
            {"term": "use-by date", "text": LONG, "id": "sample-use-by"},
        ],
        "arabic": [{"term": ARABIC, "text": ARABIC, "id": "sample-arabic"}],
        "long": [{"term": LONG, "text": LONG, "id": "sample-long"}],
    }


def _language_form() -> dict[str, Any]:
    return {
        "many": [("en", "English"), ("ja", "日本語"), ("ar", "العربية"), ("xx", LONG)],
        "single": [("en", "English")],
    }


SAMPLES: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "confirm_panel": _confirm_panel,
    "field": _field,
    "form_errors": _form_errors,
    "guide": _guide,
    "key_input": _key_input,
    "language_form": _language_form,
    "list_heads": _list_heads,
    "list_tools": _list_tools,
    "pagination": _pagination,
    "place": _place,
    "shortcuts": _shortcuts,
    "status_badge": _status_badge,
    "terms_line": _terms_line,
    "why_dialog": _why_dialog,
}
