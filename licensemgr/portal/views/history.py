"""History: what happened in an organization, who did it and when; searched, filtered, exported (R32)."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django import forms
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from history.models import Action, Record
from history.queries import SYSTEM, HistoryFilter, all_records, history_page, names_of, people_in_history
from history.sentences import Names, people_named, sentence
from licensemgr.core import clock
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.models import Organization
from products.answers import wants_fragment
from products.models import LicenseType

_CSV_COLUMNS = ("Number", "Date", "Written at", "Person", "E-mail address", "Action", "Product", "What happened")


class HistoryFilterForm(forms.Form):
    """What is asked of History, in the URL. A part that can't be read is told of and narrows nothing."""

    q = forms.CharField(label=gettext_lazy("Search"), required=False, max_length=100)
    action = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    person = forms.ChoiceField(label=gettext_lazy("Who"), required=False)
    product = forms.ChoiceField(label=gettext_lazy("Product"), required=False)
    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def __init__(self, organization: Organization, data: Any) -> None:
        super().__init__(data)
        products = [
            (registered.product.code, registered.product.name)
            for registered in organization.registered_products.select_related("product")
        ]
        people = [(str(pk), name) for pk, name in people_in_history(organization)]
        self._choose("action", [("", _("Everything")), *Action.choices])
        self._choose("person", [("", _("Everyone")), (SYSTEM, _("License Manager")), *people])
        self._choose("product", [("", _("All products")), *products])
        for name in ("since", "until"):
            self._explain(
                name, "invalid", _("This is not a date. Write it as 2027-03-01; it was left out of the filter.")
            )
        for code in ("invalid", "min_value", "max_value"):
            self._explain("before", code, _("This page of History can't be read; the newest records are shown."))

    def _choose(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - as declared above
        field.choices = choices
        self._explain(name, "invalid_choice", _("This choice does not exist here; it was left out of the filter."))

    def _explain(self, name: str, code: str, text: str) -> None:
        self.fields[name].error_messages[code] = text

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", _("This date lies before the first one, so nothing can be found."))
        return self.cleaned_data

    @property
    def wanted(self) -> HistoryFilter:
        """The filter, from what could be read."""
        read = self.cleaned_data
        return HistoryFilter(
            search=read.get("q", ""),
            action=read.get("action", ""),
            person=read.get("person", ""),
            product=read.get("product", ""),
            since=read.get("since"),
            until=read.get("until"),
        )


@dataclass(frozen=True)
class HistoryLine:
    """One record as the page shows it. ``local`` is when it was written, in the organization's time zone."""

    record: Record
    who: str
    what: str
    local: datetime

    @property
    def local_time(self) -> str:
        """The time of day at which it was written, by the organization's clocks."""
        return formats.time_format(self.local.time(), "H:i")

    @property
    def local_instant(self) -> str:
        """The day and the time at which it was written, by the organization's clocks."""
        return f"{formats.date_format(self.local.date(), 'DATE_FORMAT')}, {self.local_time}"

    @property
    def is_of_that_day(self) -> bool:
        """Whether it was written on the day on which it happened, so that one time tells both."""
        return self.local.date() == self.record.happened_on


@require_safe
@vary_on_headers("HX-Request")
@organization_view(Permission.LOOK)
def history(request: OrganizationRequest) -> HttpResponse:
    """The organization's History, the newest first."""
    form = HistoryFilterForm(request.organization, request.GET)
    readable = form.is_valid()
    page = history_page(request.organization, form.wanted, form.cleaned_data.get("before"))
    shown = request.GET.copy()
    shown.pop("before", None)
    query = shown.urlencode()
    context = {
        "organization": request.organization,
        "form": form,
        "lines": _lines(request.organization, page.records),
        "next_before": page.next_before,
        "is_first": not form.cleaned_data.get("before"),
        "is_filtered": any(shown.values()),
        "query": query,
    }
    template = "portal/_history_records.html" if wants_fragment(request) else "portal/history.html"
    return render(request, template, context, status=200 if readable else 422)


@require_safe
@organization_view(Permission.LOOK)
def history_csv(request: OrganizationRequest) -> HttpResponse:
    """What is filtered, as a file that a spreadsheet opens without running anything in it."""
    form = HistoryFilterForm(request.organization, request.GET)
    if not form.is_valid():
        context = {
            "organization": request.organization,
            "form": form,
            "lines": [],
            "is_filtered": True,
            "is_first": True,
        }
        return render(request, "portal/history.html", context, status=422)
    rows = _csv_rows(request.organization, all_records(request.organization, form.wanted))
    response = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = (
        f'attachment; filename="history-{request.organization.slug}-{request.today.isoformat()}.csv"'
    )
    # Django's answers that stream have no type in common with the others but their base.
    return cast(HttpResponse, response)


def _lines(organization: Organization, records: Iterable[Record]) -> list[HistoryLine]:
    """The records with names and sentences, in a number of queries that does not grow with them."""
    records = list(records)
    names = Names(
        people=names_of({person for record in records for person in people_named(record)}),
        license_types={
            (product_id, code): name
            for product_id, code, name in LicenseType.objects.filter(
                product__registrations__organization=organization
            ).values_list("product_id", "code", "name")
        },
    )
    zone = clock.zone(organization.time_zone)
    return [
        HistoryLine(
            record,
            str(record.actor) if record.actor else _("License Manager"),
            sentence(record, names),
            record.written_at.astimezone(zone),
        )
        for record in records
    ]


class _Echo:
    """A file that gives back what is written to it, so that rows can be streamed."""

    def write(self, text: str) -> str:
        return text


def _csv_rows(organization: Organization, chunks: Iterable[list[Record]]) -> Iterator[str]:
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(_CSV_COLUMNS)
    for chunk in chunks:
        for line in _lines(organization, chunk):
            record = line.record
            cells = (
                str(record.sequence),
                record.happened_on.isoformat(),
                line.local.isoformat(timespec="seconds"),
                line.who,
                record.actor.email if record.actor else "",
                str(record.get_action_display()),
                record.product.name if record.product else "",
                line.what,
            )
            yield writer.writerow([safe_cell(cell) for cell in cells])


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula: an apostrophe before what could begin one."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
