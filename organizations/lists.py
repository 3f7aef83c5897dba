"""What people keep of lists: the columns that they chose, and views under a name; and the tools with which they do.

A choice of columns is a person's, for a list wherever it is. A view is a person's in one organization: it goes with the
membership, the account or the organization (R35), and nobody else ever sees it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from django.http import QueryDict
from django.urls import reverse

from licensemgr.core.answers import wants_fragment
from licensemgr.core.lists import Column, Head, ListKind, heads
from organizations.access import OrganizationRequest
from organizations.errors import TooManyViews
from organizations.models import ListPreference, Organization, SavedView, User

MOST_VIEWS = 20
# The parameter that says of what a list is, where its page says it in its path.
SUBJECT = "of"


def chosen_columns(user: User, kind: ListKind, columns: Sequence[Column[Any]]) -> tuple[Column[Any], ...]:
    """The columns that the person sees: the first always, the others as chosen, else as usual."""
    kept = ListPreference.objects.filter(user=user, list_name=kind.name).first()
    wanted = kept.columns if kept else {}
    return (columns[0], *(each for each in columns[1:] if wanted.get(each.name, each.is_usual)))


def choose_columns(*, user: User, kind: ListKind, columns: Sequence[Column[Any]], names: Collection[str]) -> None:
    """Remember which of the columns are shown. Columns that were not offered now stay as they were chosen before."""
    with transaction.atomic():
        lock_person(user)
        kept, _made = ListPreference.objects.get_or_create(user=user, list_name=kind.name)
        kept.columns = {**kept.columns, **{each.name: each.name in names for each in columns[1:]}}
        kept.save(update_fields=["columns"])


def forget_columns(*, user: User, kind: ListKind) -> None:
    """Let the list be again as it is for whoever chose nothing."""
    ListPreference.objects.filter(user=user, list_name=kind.name).update(columns={})


def views_of(organization: Organization, user: User, kind: ListKind, subject: str) -> list[SavedView]:
    """The person's own views of the list, by name."""
    return list(SavedView.objects.filter(organization=organization, user=user, list_name=kind.name, subject=subject))


def save_view(
    *, organization: Organization, user: User, kind: ListKind, subject: str, name: str, query: QueryDict
) -> SavedView:
    """Keep what the query asks of the list under a name, in place of what was kept under it. Raises TooManyViews."""
    with transaction.atomic():
        lock_person(user)
        mine = SavedView.objects.filter(organization=organization, user=user, list_name=kind.name, subject=subject)
        if not mine.filter(name=name).exists() and mine.count() >= MOST_VIEWS:
            raise TooManyViews(most=MOST_VIEWS)
        view, _made = SavedView.objects.update_or_create(
            organization=organization,
            user=user,
            list_name=kind.name,
            subject=subject,
            name=name,
            defaults={"query": kind.query_of(query)},
        )
        return view


def forget_person(user: User) -> None:
    """Nothing of what a person kept of lists stays behind (R35)."""
    ListPreference.objects.filter(user=user).delete()
    SavedView.objects.filter(user=user).delete()


def forget_views(organization: Organization, user: User | None = None) -> None:
    """The organization is closed, or the person is no member of it any more: the views go (R35)."""
    views = SavedView.objects.filter(organization=organization)
    (views if user is None else views.filter(user=user)).delete()


def lock_person(user: User) -> None:
    """One at a time keeps something for a person: of two who save at once neither passes the limit."""
    User.objects.select_for_update().get(pk=user.pk)


@dataclass(frozen=True)
class Choice:
    """A column in the disclosure *Columns*."""

    name: str
    label: str
    is_shown: bool


@dataclass(frozen=True)
class ViewLine:
    """A saved view in the disclosure *Saved views*."""

    name: str
    url: str
    delete_url: str
    is_current: bool


@dataclass(frozen=True)
class ListTools:
    """The tools of a list on its page: columns, saved views, files; and what they make of its table."""

    kind: ListKind
    subject: str
    page_url: str
    # What is asked of the list now, without the page in it.
    query: str
    heads: tuple[Head, ...]
    # The first column, which is always shown, and the others.
    first: str
    choices: tuple[Choice, ...]
    views: tuple[ViewLine, ...]
    most_views: int
    columns_url: str
    save_url: str
    csv_url: str
    xlsx_url: str
    # Somebody who only looks by a grant keeps nothing here (R30).
    can_keep: bool
    # The page is not whole: the tools are sent beside the part that is swapped.
    is_beside: bool

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the columns that are shown, for the templates of rows."""
        return tuple(head.name for head in self.heads)

    @property
    def current(self) -> str:
        """The name of the view that is open; empty for none."""
        return next((line.name for line in self.views if line.is_current), "")

    @property
    def is_chosen(self) -> bool:
        """Whether some column is hidden."""
        return any(not choice.is_shown for choice in self.choices)


def list_tools(
    request: OrganizationRequest,
    kind: ListKind,
    columns: Sequence[Column[Any]],
    *,
    page_url: str,
    subject: str = "",
    sort: str = "",
) -> ListTools:
    """The tools of a list that is shown on the page ``page_url``, for whoever asks."""
    query = kind.query_of(request.GET)
    slug = request.organization.slug
    views = views_of(request.organization, request.user, kind, subject) if kind.has_views else []
    asked = urlencode({**({SUBJECT: subject} if subject else {}), **kind.own_part(request.GET)})
    place = [slug, kind.name]
    return make_tools(
        kind,
        columns,
        chosen_columns(request.user, kind, columns),
        subject=subject,
        page_url=page_url,
        query=query,
        sort=sort,
        views=tuple(
            ViewLine(
                view.name,
                address(page_url, view.query, kind),
                reverse("delete_view", args=[slug, view.pk]),
                view.query == query,
            )
            for view in views
        ),
        columns_url=reverse("choose_columns", args=place),
        save_url=reverse("save_view", args=place),
        csv_url=address(reverse("list_csv", args=place), asked),
        xlsx_url=address(reverse("list_xlsx", args=place), asked),
        can_keep=request.grant is None,
        is_beside=wants_fragment(request),
    )


def make_tools(
    kind: ListKind, columns: Sequence[Column[Any]], chosen: Sequence[Column[Any]], *, sort: str, **said: Any
) -> ListTools:
    """The tools of a list of which ``chosen`` of the columns are shown; ``said`` are the other parts of `ListTools`."""
    names = {each.name for each in chosen}
    return ListTools(
        kind=kind,
        heads=tuple(heads(chosen, sort)),
        first=str(columns[0].label),
        choices=tuple(Choice(each.name, str(each.label), each.name in names) for each in columns[1:]),
        most_views=MOST_VIEWS,
        **said,
    )


def address(url: str, query: str, kind: ListKind | None = None) -> str:
    """The URL that asks that, at the place of the list on its page."""
    return url + (f"?{query}" if query else "") + (f"#{kind.anchor}" if kind and kind.anchor else "")
