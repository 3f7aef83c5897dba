"""Shortcuts of the keyboard: one table, from which the help is written and which the script reads there.

A shortcut does one of four things: it opens a page (``page``), presses the first thing that a selector finds (``presses``), puts
the focus there (``focuses``), or opens a dialog (``opens``). Each of the keys of ``keys`` is pressed after the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from organizations.access import Permission


@dataclass(frozen=True)
class Shortcut:
    """Keys, and what they do."""

    keys: tuple[str, ...]
    label: str | Promise
    page: str = ""
    # The page is one of the organization at which one is; it takes this permission.
    permission: Permission | None = None
    presses: str = ""
    focuses: str = ""
    opens: str = ""


SHORTCUTS = (
    Shortcut(("?",), _("Show the shortcuts"), opens="#shortcuts"),
    Shortcut(("/",), _("Search on this page"), focuses="main input[type=search], main [role=search] input"),
    Shortcut(("g", "s"), _("My Systems"), "my_systems"),
    Shortcut(("g", "p"), _("Product list"), "product_list", Permission.LOOK),
    Shortcut(("g", "h"), _("History"), "history", Permission.LOOK),
    Shortcut(("g", "m"), _("Members"), "members", Permission.LOOK),
    Shortcut(("g", "u"), _("Upload system file"), "upload_system_file", Permission.MANAGE_SYSTEMS),
    Shortcut(("g", "b"), _("Where to buy licenses"), "where_to_buy"),
    Shortcut(("g", "a"), _("Account"), "account"),
    Shortcut(("1",), _("Product overview"), presses="nav.tabs > :nth-child(1)"),
    Shortcut(("2",), _("Product licensing"), presses="nav.tabs > :nth-child(2)"),
    Shortcut(("3",), _("Product wallet"), presses="nav.tabs > :nth-child(3)"),
    Shortcut(("4",), _("System setup"), presses="nav.tabs > :nth-child(4)"),
    Shortcut(("n",), _("Next page of a list"), presses="main a[rel~=next]"),
    Shortcut(("b",), _("Previous page of a list"), presses="main a[rel~=prev]"),
)


@dataclass(frozen=True)
class ShownShortcut:
    """A row of the help. ``url`` is empty where a shortcut opens no page, or none from here."""

    shortcut: Shortcut
    url: str

    @property
    def keys(self) -> str:
        """As the script reads them: the keys parted by a space."""
        return " ".join(self.shortcut.keys)

    @property
    def needs_organization(self) -> bool:
        """Whether it opens a page of an organization, and none is at hand."""
        return self.shortcut.permission is not None and not self.url


def shown_shortcuts(slug: str, may: Mapping[str, bool]) -> list[ShownShortcut]:
    """The help's rows on a page of the organization ``slug`` ("" for none), of whom ``may`` says what he or she may do (R31).

    What a member may not do is left out; elsewhere than in an organization its shortcuts are listed and open nothing.
    """
    return [
        ShownShortcut(shortcut, _url(shortcut, slug))
        for shortcut in SHORTCUTS
        if not slug or shortcut.permission is None or may.get(shortcut.permission)
    ]


def _url(shortcut: Shortcut, slug: str) -> str:
    if not shortcut.page:
        return ""
    if shortcut.permission is None:
        return reverse(shortcut.page)
    return reverse(shortcut.page, args=[slug]) if slug else ""
