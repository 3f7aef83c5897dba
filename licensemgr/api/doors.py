"""Who may call an operation of the shop: whoever bears a token in force that has its scope."""

from django.http import HttpRequest
from ninja.security import HttpBearer

from licensemgr.core.calls import take_unproved_place
from licensemgr.core.places import client_address
from licensemgr.core.tenancy import Part, acting
from licensemgr.shop.errors import ScopeMissing
from licensemgr.shop.models import Scope, ShopToken
from licensemgr.shop.tokens import token_in_force, use_token


class ShopBearer(HttpBearer):
    """A token of the vendor's shop that has ``scope``, in the header Authorization.

    Wrong tokens are limited per network; they never stand in the way of right ones. What is right is limited per token.
    """

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ShopToken | None:
        """The token; None for one that is not in force. Raises TooManyCalls, ScopeMissing."""
        with acting(Part.REGISTRY):
            found = token_in_force(token)
            if found is not None:
                use_token(found)
        if found is None:
            take_unproved_place(client_address(request))
            return None
        if self.scope not in found.scopes:
            raise ScopeMissing(self.scope)
        return found
