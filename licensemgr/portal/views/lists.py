"""What a person does with a list: choose its columns, keep views of it, fetch it as a file."""

import io
from collections.abc import Iterable, Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from history.replica import read, streamed
from licensemgr.core.lists import Column, FilterUnreadable, Listing, csv_file, file_name, xlsx_file
from licensemgr.core.spreadsheets import XLSX_TYPE
from licensemgr.core.worded import gettext as _
from licensemgr.portal.exports import MOST_AT_ONCE, columns_of, open_list, order_export
from licensemgr.portal.lists import ListEntry, entry_or_404, page_of
from organizations import lists
from organizations.access import OrganizationRequest, Permission, organization_view
from organizations.errors import TooManyViews, TooMuchWork
from organizations.lists import SUBJECT, address
from organizations.models import SavedView


class ViewNameForm(forms.Form):
    """Under which name a view is saved."""

    name = forms.CharField(label=gettext_lazy("Name of the view"), max_length=60)


@require_POST
@organization_view(Permission.LOOK)
def choose_columns(request: OrganizationRequest, list_name: str) -> HttpResponse:
    """Remember which columns the person sees of the list, wherever it is."""
    entry = entry_or_404(list_name)
    listing = open_list(request.organization, list_name, _subject_alone(request), request.today)
    if "usual" in request.POST:
        lists.forget_columns(user=request.user, kind=entry.kind)
    elif "show" not in request.POST:
        # No form of the page: nothing ticked would look the same.
        raise BadRequest
    else:
        names = request.POST.getlist("column")
        lists.choose_columns(user=request.user, kind=entry.kind, columns=listing.columns, names=names)
    messages.success(request, _("The columns of %(list)s are as you chose.") % {"list": entry.kind.title})
    return _back(request, entry)


@require_POST
@organization_view(Permission.LOOK)
def save_view(request: OrganizationRequest, list_name: str) -> HttpResponse:
    """Keep what is searched, filtered and sorted under a name; one that is taken is replaced."""
    entry = entry_or_404(list_name)
    if not entry.kind.has_views:
        raise Http404
    open_list(request.organization, list_name, _subject_alone(request), request.today)
    form = ViewNameForm(request.POST)
    if form.is_valid():
        name = form.cleaned_data["name"]
        try:
            lists.save_view(
                organization=request.organization,
                user=request.user,
                kind=entry.kind,
                subject=request.POST.get(SUBJECT, ""),
                name=name,
                query=_query(request),
            )
        except TooManyViews as refused:
            form.add_error(refused.field, refused.sentence)
        else:
            messages.success(request, _("The view %(name)s is saved.") % {"name": name})
            return _back(request, entry)
    context = {
        "form": form,
        "list": entry.kind,
        "subject": request.POST.get(SUBJECT, ""),
        "action": request.path,
        "back": _back_url(request, entry),
    }
    context["query"] = entry.kind.query_of(_query(request))
    return render(request, "portal/save_view.html", context, status=422)


@require_POST
@organization_view(Permission.LOOK)
def delete_view(request: OrganizationRequest, view: int) -> HttpResponse:
    """Forget one of one's own views. Anybody else's does not exist (R30)."""
    found = get_object_or_404(SavedView, organization=request.organization, user=request.user, pk=view)
    entry = entry_or_404(found.list_name)
    found.delete()
    messages.success(request, _("The view %(name)s is deleted.") % {"name": found.name})
    url = page_of(entry, request.organization, found.subject)
    return see(address(url, entry.kind.query_of(_query(request)), entry.kind))


@require_safe
@organization_view(Permission.LOOK)
def list_csv(request: OrganizationRequest, list_name: str) -> HttpResponse:
    """What is filtered, as a file that a spreadsheet opens without running anything in it."""
    try:
        listing = _opened(request, list_name)
    except FilterUnreadable as refused:
        return _unreadable(request, list_name, refused)
    columns = columns_of(listing, request.user, request.GET)
    return csv_answer(streamed(request.organization, csv_file(listing, columns)), _file_name(request, listing, "csv"))


@require_http_methods(["GET", "HEAD", "POST"])
@organization_view(Permission.LOOK)
def list_xlsx(request: OrganizationRequest, list_name: str) -> HttpResponse:
    """What is filtered, as a spreadsheet: at once, or, where there are many rows, by the worker once that is confirmed."""
    try:
        listing = _opened(request, list_name)
    except FilterUnreadable as refused:
        return _unreadable(request, list_name, refused)
    if request.method == "POST" and "order" not in request.POST:
        raise BadRequest
    count = read(request.organization, listing.count)
    if count <= MOST_AT_ONCE:
        return _spreadsheet(request, listing)
    back = _page_url(request, entry_or_404(list_name), request.GET)
    if request.method == "POST":
        return _ordered(request, listing, back)
    context = {
        "list": listing.kind,
        "count": count,
        "back": back,
        "action": request.get_full_path(),
        "hidden": [("order", "yes")],
    }
    return render(request, "portal/order_export.html", context)


def _opened(request: OrganizationRequest, list_name: str) -> Listing[Any]:
    return read(request.organization, lambda: open_list(request.organization, list_name, request.GET, request.today))


def _ordered(request: OrganizationRequest, listing: Listing[Any], back: str) -> HttpResponse:
    try:
        order_export(
            organization=request.organization,
            person=request.user,
            listing=listing,
            subject_query=request.GET,
            on=request.today,
        )
    except TooMuchWork as refusal:
        messages.error(request, str(refusal.sentence))
    else:
        messages.success(
            request, _("The spreadsheet is being made. You are told when it is ready; it is kept for a day.")
        )
    return see(back)


def _spreadsheet(request: OrganizationRequest, listing: Listing[Any]) -> HttpResponse:
    columns = columns_of(listing, request.user, request.GET)
    content = read(request.organization, lambda: xlsx_of(listing, columns))
    return xlsx_answer(content, _file_name(request, listing, "xlsx"))


def _file_name(request: OrganizationRequest, listing: Listing[Any], ending: str) -> str:
    subject = request.GET.get(SUBJECT, "")
    return file_name(listing.kind, subject, request.organization.slug, request.today, ending)


def _unreadable(request: OrganizationRequest, list_name: str, refused: FilterUnreadable) -> HttpResponse:
    entry = entry_or_404(list_name)
    context = {"list": entry.kind, "sentence": refused.sentence, "back": _page_url(request, entry, request.GET)}
    return render(request, "portal/list_unreadable.html", context, status=refused.status)


def _subject_alone(request: OrganizationRequest) -> QueryDict:
    """A query that says of what the list is, and nothing else: its columns depend on no more."""
    query = QueryDict(mutable=True)
    query[SUBJECT] = request.POST.get(SUBJECT, "")
    return query


def _query(request: OrganizationRequest) -> QueryDict:
    """What the list was asked when the form was shown; what is not its own is left out by its kind."""
    return QueryDict(request.POST.get("query", ""))


def _page_url(request: OrganizationRequest, entry: ListEntry, query: QueryDict) -> str:
    url = page_of(entry, request.organization, query.get(SUBJECT, ""))
    return address(url, entry.kind.query_of(query), entry.kind)


def _back_url(request: OrganizationRequest, entry: ListEntry) -> str:
    url = page_of(entry, request.organization, request.POST.get(SUBJECT, ""))
    return address(url, entry.kind.query_of(_query(request)), entry.kind)


def _back(request: OrganizationRequest, entry: ListEntry) -> HttpResponse:
    return see(_back_url(request, entry))


def csv_answer(lines: Iterable[str], name: str) -> HttpResponse:
    """All rows as a CSV file that is sent while it is made."""
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    # Django's answers that stream have no type in common with the others but their base.
    return cast(HttpResponse, response)


def xlsx_of(listing: Listing[Any], columns: Sequence[Column[Any]]) -> bytes:
    """All rows as an XLSX file, made at once: some megabytes at most, of no more rows than MOST_AT_ONCE."""
    file = io.BytesIO()
    xlsx_file(listing, columns, file, lambda _done, _total: None)
    return file.getvalue()


def xlsx_answer(content: bytes, name: str) -> HttpResponse:
    """An XLSX file."""
    response = HttpResponse(content, content_type=XLSX_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def see(url: str) -> HttpResponse:
    """303 to the page that shows what was done."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response
