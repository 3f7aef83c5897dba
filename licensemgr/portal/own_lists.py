"""Every list that belongs to no organization, by its name: how it is opened for whoever asks, and on which page it stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse

from licensemgr.core.lists import Listing, ListKind
from licensemgr.portal.buying import read_question
from licensemgr.portal.my_systems import MY_SYSTEM_COLUMNS, MY_SYSTEMS, choose_systems, my_systems_of, read_my_systems
from licensemgr.portal.reseller_columns import RESELLERS, resellers_listing
from organizations.models import User
from products.resellers import find_resellers


@dataclass(frozen=True)
class OwnListEntry:
    """A list in the registry. ``page`` is the name of its page's URL; a public one has files for everybody."""

    kind: ListKind
    open: Callable[[HttpRequest, QueryDict], Listing[Any]]
    page: str
    is_public: bool = False

    @property
    def url(self) -> str:
        """Where its page is."""
        return reverse(self.page)


def _my_systems(request: HttpRequest, query: QueryDict) -> Listing[Any]:
    rows = choose_systems(my_systems_of(cast(User, request.user)), read_my_systems(query))
    return Listing(MY_SYSTEMS, MY_SYSTEM_COLUMNS, lambda: iter(rows), lambda: len(rows))


def _resellers(request: HttpRequest, query: QueryDict) -> Listing[Any]:
    asked = read_question(request, query)
    return resellers_listing(asked, find_resellers(asked.wanted))


OWN_LISTS: Mapping[str, OwnListEntry] = {
    entry.kind.name: entry
    for entry in (
        OwnListEntry(MY_SYSTEMS, _my_systems, "my_systems"),
        OwnListEntry(RESELLERS, _resellers, "where_to_buy", is_public=True),
    )
}


def own_entry_or_404(name: str) -> OwnListEntry:
    """The list of that name. Raises Http404."""
    if name not in OWN_LISTS:
        raise Http404
    return OWN_LISTS[name]
