"""What a person does with a list that belongs to no organization: columns, views, files."""

from collections.abc import Callable
from functools import wraps
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from licensemgr.core import clock
from licensemgr.core.lists import csv_file, file_name
from licensemgr.core.numbers import grouped
from licensemgr.core.worded import gettext as _
from licensemgr.portal.exports import MOST_AT_ONCE
from licensemgr.portal.own_lists import OwnListEntry, own_entry_or_404
from licensemgr.portal.views.lists import ViewNameForm, csv_answer, see, xlsx_answer, xlsx_of
from organizations import lists
from organizations.errors import TooManyViews
from organizations.lists import address
from organizations.models import User
from organizations.own_lists import delete_own_view, own_columns, save_own_view

_File = Callable[[HttpRequest, OwnListEntry], HttpResponse]


@require_POST
@login_required
def choose_columns(request: HttpRequest, own_list: str) -> HttpResponse:
    """Remember which columns the person sees of the list."""
    entry, user = own_entry_or_404(own_list), cast(User, request.user)
    if "usual" in request.POST:
        lists.forget_columns(user=user, kind=entry.kind)
    elif "show" not in request.POST:
        # No form of the page: nothing ticked would look the same.
        raise BadRequest
    else:
        # Which columns there are depends on what is asked.
        columns = entry.open(request, _query(request)).columns
        lists.choose_columns(user=user, kind=entry.kind, columns=columns, names=request.POST.getlist("column"))
    messages.success(request, _("The columns of %(list)s are as you chose.") % {"list": entry.kind.title})
    return see(_back(request, entry))


@require_POST
@login_required
def save_view(request: HttpRequest, own_list: str) -> HttpResponse:
    """Keep what is searched, filtered and sorted under a name; one that is taken is replaced."""
    entry = own_entry_or_404(own_list)
    form = ViewNameForm(request.POST)
    if form.is_valid():
        name = form.cleaned_data["name"]
        try:
            save_own_view(user=cast(User, request.user), kind=entry.kind, name=name, query=_query(request))
        except TooManyViews as refused:
            form.add_error(refused.field, refused.sentence)
        else:
            messages.success(request, _("The view %(name)s is saved.") % {"name": name})
            return see(_back(request, entry))
    context = {
        "form": form,
        "list": entry.kind,
        "action": request.path,
        "back": _back(request, entry),
        "query": entry.kind.query_of(_query(request)),
    }
    return render(request, "portal/save_view.html", context, status=422)


@require_POST
@login_required
def delete_view(request: HttpRequest, own_list: str) -> HttpResponse:
    """Forget one of one's own views."""
    entry, name = own_entry_or_404(own_list), request.POST.get("name", "")
    if not delete_own_view(user=cast(User, request.user), kind=entry.kind, name=name):
        raise Http404
    messages.success(request, _("The view %(name)s is deleted.") % {"name": name})
    return see(_back(request, entry))


def _of_whoever_may(view: _File) -> Callable[[HttpRequest, str], HttpResponse]:
    """A file of a list that not everybody may see asks for the person, as its page does."""

    @require_safe
    @wraps(view)
    def asked(request: HttpRequest, own_list: str) -> HttpResponse:
        entry = own_entry_or_404(own_list)
        if not entry.is_public and not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, entry)

    return asked


@_of_whoever_may
def list_csv(request: HttpRequest, entry: OwnListEntry) -> HttpResponse:
    """What is filtered, as a file that a spreadsheet opens without running anything in it."""
    listing = entry.open(request, request.GET)
    columns = own_columns(request, entry.kind, listing.columns)
    return csv_answer(csv_file(listing, columns), _file_name(entry, "csv"))


@_of_whoever_may
def list_xlsx(request: HttpRequest, entry: OwnListEntry) -> HttpResponse:
    """What is filtered, as a spreadsheet; no worker makes one of more rows, since its work is an organization's."""
    listing = entry.open(request, request.GET)
    if listing.count() > MOST_AT_ONCE:
        sentence = _(
            "No spreadsheet was made: it would have more than %(most)s rows. Search for less, or download the rows as CSV."
        )
        messages.error(request, sentence % {"most": grouped(MOST_AT_ONCE)})
        return see(address(entry.url, entry.kind.query_of(request.GET)))
    columns = own_columns(request, entry.kind, listing.columns)
    return xlsx_answer(xlsx_of(listing, columns), _file_name(entry, "xlsx"))


def _file_name(entry: OwnListEntry, ending: str) -> str:
    return file_name(entry.kind, "", "", clock.now().date(), ending)


def _query(request: HttpRequest) -> QueryDict:
    """What the list was asked when the form was shown; what is not its own is left out by its kind."""
    return QueryDict(request.POST.get("query", ""))


def _back(request: HttpRequest, entry: OwnListEntry) -> str:
    return address(entry.url, entry.kind.query_of(_query(request)))
