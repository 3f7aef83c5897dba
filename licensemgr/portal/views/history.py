"""History: what happened in an organization, who did it and when; searched, filtered, exported (R32)."""

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from history.queries import history_page
from history.replica import read
from licensemgr.portal.history_filter import HistoryFilterForm
from licensemgr.portal.history_lines import HISTORY, HISTORY_COLUMNS, history_lines
from licensemgr.portal.taking_back import ways_back
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.lists import list_tools
from products.answers import wants_fragment


@require_safe
@vary_on_headers("HX-Request")
@organization_view(Permission.LOOK)
def history(request: OrganizationRequest) -> HttpResponse:
    """The organization's History, the newest first."""
    return read(request.organization, lambda: _history(request))


def _history(request: OrganizationRequest) -> HttpResponse:
    form = HistoryFilterForm(request.organization, request.GET)
    readable = form.is_valid()
    page = history_page(request.organization, form.wanted, form.cleaned_data.get("before"))
    ways = ways_back(request.membership, page.records, request.today)
    page_url = reverse("history", args=[request.organization.slug])
    tools = list_tools(request, HISTORY, HISTORY_COLUMNS, page_url=page_url)
    context = {
        "organization": request.organization,
        "form": form,
        "lines": [
            replace(line, way_back=ways.get(line.record.sequence))
            for line in history_lines(request.organization, page.records)
        ],
        "next_before": page.next_before,
        "is_first": not form.cleaned_data.get("before"),
        "is_filtered": bool(tools.query),
        "query": tools.query,
        "tools": tools,
    }
    template = "portal/_history_records.html" if wants_fragment(request) else "portal/history.html"
    return render(request, template, context, status=200 if readable else 422)
