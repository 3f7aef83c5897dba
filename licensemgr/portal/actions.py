"""What the palette offers to do: one table of pages, of which a person is offered those that the door would open (R31)."""

from dataclasses import dataclass
from functools import cache

from django.urls import resolve, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from organizations.access import Permission, may
from organizations.models import Membership, User


@dataclass(frozen=True)
class Action:
    """Something to do: its words, the page on which it is done, and the URL whose view says who may do it.

    ``does`` differs from ``page`` where a page that everybody sees holds a form for some. ``part`` is the id of that form.
    ``asks`` is of a page of the organization that is asked for the product. ``if_started`` is of what makes sense after the start
    of the product's subscription (True) or before it (False) only.
    """

    label: str | Promise
    page: str
    icon: str
    does: str = ""
    part: str = ""
    asks: bool = False
    if_started: bool | None = None

    def url(self, arguments: tuple[str, ...] = ()) -> str:
        """Where it is done; ``arguments`` are the organization's slug and the product's code, as far as the page needs them."""
        if self.asks:
            organization, product = arguments
            return f"{reverse(self.page, args=[organization])}?{urlencode({'product': product})}"
        return reverse(self.page, args=arguments) + (f"#{self.part}" if self.part else "")

    def makes_sense(self, is_started: bool) -> bool:
        """Whether it is of use for a product whose subscription has started, or has not."""
        return self.if_started in (None, is_started)


# In one product of an organization. The labels name the product.
OF_PRODUCT = (
    Action(_("Redeem license key in %(product)s"), "product_wallet", "key", "redeem_license_key", "redeem-license-key"),
    Action(_("Start your subscription of %(product)s"), "start_subscription", "calendar", if_started=False),
    Action(_("Allocate licenses of %(product)s"), "product_licensing", "calendar", "confirm_allocation"),
    Action(_("Release a coming year of %(product)s"), "releasable_year", "calendar", if_started=True),
    Action(_("Add a system of %(product)s"), "register_product", "plus", asks=True),
    Action(_("Product licensing of %(product)s"), "product_licensing", "calendar"),
    Action(_("Product wallet of %(product)s"), "product_wallet", "wallet"),
    Action(_("System setup of %(product)s"), "system_setup", "systems"),
)
# In one organization.
OF_ORGANIZATION = (
    Action(_("Product list"), "product_list", "products"),
    Action(_("Upload system file"), "upload_system_file", "upload"),
    Action(_("Register product"), "register_product", "plus"),
    Action(_("Register hardware"), "register_hardware", "chip"),
    Action(_("Coverage"), "coverage", "calendar"),
    Action(_("History"), "history", "history"),
    Action(_("Downloads"), "work", "download"),
    Action(_("Members"), "members", "user"),
    Action(_("Invite by e-mail"), "members", "mail", "invite_member", "invite-title"),
    Action(_("Make registration code"), "make_registration_code", "systems"),
    Action(_("Registration codes"), "registration_codes", "systems"),
    Action(_("Hidden products"), "hidden_products", "products"),
    Action(_("Terms"), "terms", "info"),
    Action(_("Organization settings"), "organization_settings", "edit"),
)
# Of the person, wherever one is.
OF_PERSON = (
    Action(_("My Systems"), "my_systems", "building"),
    Action(_("Where to buy licenses"), "where_to_buy", "cart"),
    Action(_("Verify a license file"), "verify", "shield"),
    Action(_("Create organization"), "create_organization", "plus"),
    Action(_("Account"), "account", "user"),
    Action(_("Shortcuts"), "shortcuts", "info"),
    Action(_("Sign out"), "account_logout", "logout"),
)


def actions_of(table: tuple[Action, ...], membership: Membership, *, of_product: bool = False) -> list[Action]:
    """The rows of a table that the member may do (R31)."""
    return [
        each for each in table if may(membership, _permission(each.does or each.page, of_product and not each.asks))
    ]


def actions_of_person(user: User) -> list[Action]:
    """What anybody who signed in may do; staff have the admin site beside it."""
    administration = (Action(_("Administration"), "admin:index", "edit"),) if user.is_staff else ()
    return [*OF_PERSON[:-1], *administration, OF_PERSON[-1]]


@cache
def _permission(url_name: str, of_product: bool) -> Permission:
    """What the view of that URL is marked with: the one place that says who may (the door)."""
    view = resolve(reverse(url_name, args=("o", "p") if of_product else ("o",))).func
    return Permission(vars(view)["organization_permission"])
