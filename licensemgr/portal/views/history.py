"""History: what happened in an organization, who did it and when; searched, filtered, exported (R32)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from django import forms
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from history.models import Action
from history.queries import SYSTEM, HistoryFilter, all_records, history_page, people_in_history
from licensemgr.core.spreadsheets import csv_lines
from licensemgr.portal.history_lines import history_lines, history_rows
from licensemgr.portal.taking_back import ways_back
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.models import Organization
from products.answers import wants_fragment


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


@require_safe
@vary_on_headers("HX-Request")
@organization_view(Permission.LOOK)
def history(request: OrganizationRequest) -> HttpResponse:
    """The organization's History, the newest first."""
    form = HistoryFilterForm(request.organization, request.GET)
    readable = form.is_valid()
    page = history_page(request.organization, form.wanted, form.cleaned_data.get("before"))
    ways = ways_back(request.membership, page.records, request.today)
    shown = request.GET.copy()
    shown.pop("before", None)
    query = shown.urlencode()
    context = {
        "organization": request.organization,
        "form": form,
        "lines": [
            replace(line, way_back=ways.get(line.record.sequence))
            for line in history_lines(request.organization, page.records)
        ],
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
    rows = history_rows(request.organization, all_records(request.organization, form.wanted))
    response = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = (
        f'attachment; filename="history-{request.organization.slug}-{request.today.isoformat()}.csv"'
    )
    # Django's answers that stream have no type in common with the others but their base.
    return cast(HttpResponse, response)
