"""Calls of the vendor's shop: license keys for order lines, their states, replacing and revoking them."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from licensemgr.api.doors import ShopBearer
from licensemgr.api.problems import Problem
from licensemgr.shop import orders
from licensemgr.shop.models import Scope, ShopToken
from wallet.services import MAXIMUM_LICENSES

router = Router(tags=["Vendor's shop"])

# What names an order: printable ASCII without blanks at its ends, so that two systems never write it in two ways.
_NAME = r"^[!-~]([ -~]{0,78}[!-~])?$"
_CODE = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_LARGEST = 2**53 - 1
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

Name = Annotated[str, Field(pattern=_NAME, max_length=80)]
Code = Annotated[str, Field(pattern=_CODE, max_length=60)]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=orders.MAXIMUM_REASON,
        pattern=r"\S",
        description="Kept with each key that is revoked, with the token's name.",
    ),
]


def _is_written_as_a_day(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("has to be written as YYYY-MM-DD")
    if value is not None and not isinstance(value, str):
        raise ValueError("has to be a day, as text")
    return value


Day = Annotated[date, BeforeValidator(_is_written_as_a_day)]


class _Body(BaseModel):
    """A body that holds what is described, and nothing else."""

    model_config = ConfigDict(extra="forbid")


class SellingReseller(_Body):
    """A reseller of the portal's list, Where to buy."""

    name: str = Field(min_length=1, max_length=120)
    city: str = Field(min_length=1, max_length=120)
    country: str = Field(pattern=r"^[A-Z]{2}$")


class IssueOrder(_Body):
    """What is issued for a line of an order."""

    order: Name = Field(description="The order's reference. The organization that redeems a key sees it.")
    line: Name = Field(description="The line of the order. Keys are issued for a line once.")
    product: Code = Field(description="The product's code in the catalogue.")
    kind: Literal["subscription", "hardware"] = Field(
        description="For subscription years, or to expand hardware units."
    )
    licenses: dict[Code, Annotated[StrictInt, Field(ge=0, le=MAXIMUM_LICENSES)]] = Field(
        min_length=1, max_length=50, description="How many licenses each key carries, per code of a license type."
    )
    count: StrictInt = Field(ge=1, le=orders.MAXIMUM_KEYS, description="How many keys are issued.")
    reseller: SellingReseller | None = None
    redeem_by: Day | None = Field(None, description="The last day on which a key can be redeemed; null for no end.")


class ReplaceOrder(_Body):
    """Whose unredeemed keys are replaced."""

    order: Name
    line: Name
    reason: Reason
    batch: Annotated[StrictInt, Field(ge=1, le=_LARGEST)] | None = Field(
        None,
        description="The number of the line's latest batch as you know it, so that a call that is sent twice replaces once.",
    )


class RevokeOrder(_Body):
    """Which keys of a line are revoked."""

    order: Name
    line: Name
    reason: Reason
    ids: (
        Annotated[
            list[Annotated[StrictInt, Field(ge=1, le=_LARGEST)]],
            Field(min_length=1, max_length=orders.MAXIMUM_KEYS),
        ]
        | None
    ) = Field(None, description="Those keys, all or none; null for every key of the line that nobody redeemed.")


class Key(Schema):
    """A license key that was given before. Nothing clear of it is kept."""

    id: int
    tail: str = Field(description="Its last five symbols.")
    state: Literal["free", "redeemed", "revoked", "too_late"] = Field(
        description="free: can be redeemed. too_late: its last day to redeem is over. Whose wallet it went into is not told."
    )
    batch: int = Field(description="The number of the line's batch in which it was issued.")


class ClearKey(Schema):
    """A license key, in clear this once."""

    id: int
    tail: str
    key: str = Field(description="Keep it: it is not given again.")


class Line(Schema):
    """An order line, and what each of its keys carries."""

    order: str
    line: str
    product: str
    kind: Literal["subscription", "hardware"]
    licenses: dict[str, int]
    reseller: SellingReseller | None
    redeem_by: date | None
    batch: int = Field(description="The number of the line's latest batch; the first is 1.")


class IssuedLine(Line):
    """Keys that were issued now."""

    keys: list[ClearKey]


class KnownLine(Line):
    """The keys of every batch of the line, with their states."""

    keys: list[Key]


class KnownOrder(Schema):
    """The lines of an order for which keys were issued by the API."""

    lines: list[KnownLine]


class RevokedLine(KnownLine):
    """The line after keys were revoked."""

    revoked: int = Field(description="How many keys were revoked now.")


class ProblemOfKeys(Problem):
    """A refusal that names keys with their states."""

    keys: list[Key]


def _refusals(*statuses: int) -> dict[int, Any]:
    """What every operation can be refused with, and these."""
    return dict.fromkeys((400, 401, 403, *statuses, 422, 429, 503), Problem)


@router.post(
    "/orders/keys",
    url_name="issue_keys",
    summary="Issue license keys for an order line",
    auth=ShopBearer(Scope.ISSUE),
    response={201: IssuedLine, **_refusals(413, 415), 409: ProblemOfKeys},
)
def issue(request: HttpRequest, wanted: IssueOrder) -> Any:
    """Gives the keys in clear, once. A repeat for the same order and line issues nothing: 409 tells the keys' states.

    If the answer was lost, replace the line's keys: those that nobody redeemed stop working, and you get as many new ones.
    """
    reseller = orders.ResellerName(**wanted.reseller.model_dump()) if wanted.reseller else None
    issued = orders.issue_for_order(
        order=wanted.order,
        line=wanted.line,
        product=wanted.product,
        kind=wanted.kind,
        licenses=wanted.licenses,
        count=wanted.count,
        reseller=reseller,
        redeem_by=wanted.redeem_by,
        token=_token(request),
    )
    return Status(201, _line(issued))


@router.get(
    "/orders/keys",
    url_name="order_keys",
    summary="Ask the state of an order's license keys",
    auth=ShopBearer(Scope.READ),
    response={200: KnownOrder, **_refusals(404)},
)
def order_keys(request: HttpRequest, order: Query[Name], line: Query[Name | None] = None) -> Any:
    """Tells the state of each key of the order's lines, or of the one line. Nothing is told of who redeemed it."""
    return {"lines": [_line(told) for told in orders.state(order=order, line=line)]}


@router.post(
    "/orders/keys/replace",
    url_name="replace_keys",
    summary="Replace an order line's unredeemed license keys",
    auth=ShopBearer(Scope.ISSUE),
    response={201: IssuedLine, **_refusals(404, 413, 415), 409: ProblemOfKeys},
)
def replace(request: HttpRequest, wanted: ReplaceOrder) -> Any:
    """Revokes the line's keys that nobody redeemed and issues exactly as many new ones that carry the same, both or neither.

    Name the line's latest batch as you know it: a call that is sent twice then replaces once, and its repeat is a 409.
    """
    issued = orders.replace(
        order=wanted.order, line=wanted.line, reason=wanted.reason, batch=wanted.batch, token=_token(request)
    )
    return Status(201, _line(issued))


@router.post(
    "/orders/keys/revoke",
    url_name="revoke_keys",
    summary="Revoke an order line's unredeemed license keys",
    auth=ShopBearer(Scope.REVOKE),
    response={200: RevokedLine, **_refusals(404, 413, 415), 409: ProblemOfKeys},
)
def revoke(request: HttpRequest, wanted: RevokeOrder) -> Any:
    """Revokes the keys that are named, all or none; without ids every key of the line that nobody redeemed.

    What was redeemed is an organization's, and stays. Where nothing can be revoked as asked, 409 names the keys that stand in
    the way with their states, and nothing was revoked.
    """
    told, revoked = orders.revoke(
        order=wanted.order, line=wanted.line, reason=wanted.reason, ids=wanted.ids, token=_token(request)
    )
    return {**_line(told), "revoked": revoked}


def _token(request: HttpRequest) -> ShopToken:
    """The token by which the call was let in."""
    token: ShopToken = vars(request)["auth"]
    return token


def _line(found: orders.IssuedBatch | orders.ToldLine) -> dict[str, Any]:
    batch = found.batch
    keys: Sequence[orders.IssuedKey | orders.ToldKey] = found.keys
    reseller = batch.reseller
    return {
        "order": found.line.order_reference,
        "line": found.line.line,
        "product": batch.product.code,
        "kind": batch.kind,
        "licenses": dict(found.licenses),
        "reseller": reseller and {"name": reseller.name, "city": reseller.city, "country": reseller.country},
        "redeem_by": batch.redeem_by,
        "batch": found.number,
        "keys": [asdict(key) for key in keys],
    }
