"""Lists that belong to no organization, for whoever looks: the own columns and views of somebody signed in; files for everybody.

Columns and views are kept together (`ListPreference`), so that they are the person's alone and go with the account (R35).
"""

from collections.abc import Sequence
from typing import Any, cast

from django.db import transaction
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from licensemgr.core.answers import wants_fragment
from licensemgr.core.lists import Column, ListKind
from organizations.errors import TooManyViews
from organizations.lists import MOST_VIEWS, ListTools, ViewLine, address, chosen_columns, lock_person, make_tools
from organizations.models import ListPreference, User


def own_columns(request: HttpRequest, kind: ListKind, columns: Sequence[Column[Any]]) -> tuple[Column[Any], ...]:
    """The columns that whoever asks sees: as chosen by somebody signed in, for everybody else as usual."""
    if request.user.is_authenticated:
        return chosen_columns(request.user, kind, columns)
    return (columns[0], *(each for each in columns[1:] if each.is_usual))


def own_views(user: User, kind: ListKind) -> dict[str, str]:
    """What the person kept of the list: what is asked of it, by name, in the order of names."""
    kept = ListPreference.objects.filter(user=user, list_name=kind.name).first()
    return dict(sorted(kept.views.items())) if kept else {}


def save_own_view(*, user: User, kind: ListKind, name: str, query: QueryDict) -> None:
    """Keep what the query asks of the list under a name, in place of what was kept under it. Raises TooManyViews."""
    with transaction.atomic():
        lock_person(user)
        kept, _made = ListPreference.objects.get_or_create(user=user, list_name=kind.name)
        views = {**kept.views, name: kind.query_of(query)}
        if len(views) > MOST_VIEWS:
            raise TooManyViews(most=MOST_VIEWS)
        kept.views = views
        kept.save(update_fields=["views"])


def delete_own_view(*, user: User, kind: ListKind, name: str) -> bool:
    """Forget a view; returns whether there was one of this name."""
    with transaction.atomic():
        lock_person(user)
        kept = ListPreference.objects.filter(user=user, list_name=kind.name).first()
        if kept is None or name not in kept.views:
            return False
        del kept.views[name]
        kept.save(update_fields=["views"])
        return True


def own_list_tools(
    request: HttpRequest, kind: ListKind, columns: Sequence[Column[Any]], *, page_url: str, asked: QueryDict, sort: str
) -> ListTools:
    """The tools of a list that is shown on the page ``page_url``. ``asked`` is what the page answers, guesses included."""
    query = kind.query_of(asked)
    signed_in = request.user.is_authenticated
    views = own_views(cast(User, request.user), kind) if signed_in else {}
    delete_url = reverse("delete_own_view", args=[kind.name])
    return make_tools(
        kind,
        columns,
        own_columns(request, kind, columns),
        subject="",
        page_url=page_url,
        query=query,
        sort=sort,
        views=tuple(
            ViewLine(name, address(page_url, kept, kind), delete_url, kept == query) for name, kept in views.items()
        ),
        columns_url=reverse("choose_own_columns", args=[kind.name]),
        save_url=reverse("save_own_view", args=[kind.name]),
        csv_url=address(reverse("own_list_csv", args=[kind.name]), query),
        xlsx_url=address(reverse("own_list_xlsx", args=[kind.name]), query),
        can_keep=signed_in,
        is_beside=wants_fragment(request),
    )
