"""The webhooks of the vendor's shop: made, changed, turned off, and given another secret by staff."""

import base64
import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.integrity import is_taken
from licensemgr.core.sealing import Purpose, seal, unseal
from licensemgr.core.worded import gettext as _
from licensemgr.shop.addresses import target_of
from licensemgr.shop.models import WebhookEndpoint, WebhookKind
from organizations.models import User

# What a webhook can be told of; a test is sent whatever it chose.
KINDS_TO_CHOOSE = [kind for kind in WebhookKind if kind != WebhookKind.TEST]
SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret begins, by the convention of Standard Webhooks
_SECRET_BYTES = 32


class EndpointNotMade(Refused):
    """What was asked for is no webhook."""

    code = "webhook"

    def __init__(self, sentence: str, field: str) -> None:
        self.field = field
        super().__init__(sentence)


class EndpointMadeBefore(Refused):
    """The same form made its webhook already."""

    code = "webhook made before"

    def __init__(self, endpoint: WebhookEndpoint) -> None:
        self.endpoint = endpoint
        super().__init__(
            _(
                "This form made its webhook already, and its secret was shown then. Nothing more was made. If the secret is "
                "lost, give the webhook a new one."
            )
        )


class SecretRenewedBefore(Refused):
    """The secret is no longer the one that was to be replaced."""

    code = "webhook secret"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This webhook was given another secret meanwhile, and that one counts. Nothing was changed now. If it is "
                "lost, begin anew."
            )
        )


class EndpointIsOff(Refused):
    """Nothing is sent to a webhook that is off."""

    code = "webhook is off"

    def __init__(self, endpoint: WebhookEndpoint) -> None:
        super().__init__(
            _("The webhook %(webhook)s is off. Nothing will be sent; turn it on first.") % {"webhook": endpoint}
        )


@dataclass(frozen=True)
class GivenSecret:
    """A webhook and its secret in clear, once."""

    secret: str
    endpoint: WebhookEndpoint


def make_endpoint(*, name: str, url: str, kinds: Collection[str], actor: User, form_token: UUID) -> GivenSecret:
    """Make a webhook that is on, with a secret of 256 random bits.

    Raises AddressRefused, EndpointNotMade for a name or kinds that are none, and EndpointMadeBefore when the same form
    (``form_token``) made its webhook already, whose secret can't be shown again.
    """
    name, chosen = _checked(name, url, kinds)
    secret = secrets.token_bytes(_SECRET_BYTES)
    try:
        with transaction.atomic():
            endpoint = WebhookEndpoint.objects.create(
                name=name,
                url=url,
                kinds=chosen,
                sealed_secret=_sealed(secret, form_token),
                made_by=actor,
                made_at=clock.real_now(),
                form_token=form_token,
            )
    except IntegrityError as error:
        if not is_taken(error, WebhookEndpoint, "form_token"):
            raise
        # The constraint on the form's token let only one through.
        raise EndpointMadeBefore(WebhookEndpoint.objects.get(form_token=form_token)) from error
    return GivenSecret(_in_clear(secret), endpoint)


def change_endpoint(*, endpoint: WebhookEndpoint, name: str, url: str, kinds: Collection[str]) -> WebhookEndpoint:
    """Give a webhook another name, address or kinds; deliveries that wait go to the new address.

    Raises AddressRefused and EndpointNotMade; then nothing has changed.
    """
    endpoint.name, endpoint.kinds = _checked(name, url, kinds)
    endpoint.url = url
    endpoint.save(update_fields=["name", "url", "kinds"])
    return endpoint


def turn_endpoint(endpoint: WebhookEndpoint, *, on: bool) -> WebhookEndpoint:
    """Turn a webhook on or off; twice counts once.

    While it is off, what happens is not written down for it, and deliveries that wait go on waiting.
    """
    endpoint.is_on, endpoint.off_because = on, ""
    endpoint.save(update_fields=["is_on", "off_because"])
    return endpoint


def secret_mark(endpoint: WebhookEndpoint) -> str:
    """Tells one secret of a webhook from the next, and nothing about either."""
    return hashlib.sha256(bytes(endpoint.sealed_secret)).hexdigest()


def renew_secret(*, endpoint: WebhookEndpoint, replacing: str) -> GivenSecret:
    """Give a webhook another secret, under which every try from now on is signed.

    ``replacing`` is the mark of the secret that it had on the page. Raises SecretRenewedBefore when it is another by now.
    """
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        if secret_mark(row) != replacing:
            raise SecretRenewedBefore
        secret = secrets.token_bytes(_SECRET_BYTES)
        row.sealed_secret = _sealed(secret, row.form_token)
        row.save(update_fields=["sealed_secret"])
    return GivenSecret(_in_clear(secret), row)


def secret_of(endpoint: WebhookEndpoint) -> bytes:
    """The secret's bytes, to sign with. Raises SealBroken where ENCRYPTION_SECRET is another than when it was made."""
    return unseal(endpoint.sealed_secret, purpose=Purpose.WEBHOOKS, bound_to=str(endpoint.form_token))


def _sealed(secret: bytes, form_token: UUID) -> bytes:
    return seal(secret, purpose=Purpose.WEBHOOKS, bound_to=str(form_token))


def _in_clear(secret: bytes) -> str:
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def _checked(name: str, url: str, kinds: Collection[str]) -> tuple[str, Sequence[str]]:
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise EndpointNotMade(_("A webhook needs a name of up to 120 characters. Nothing was changed."), "name")
    target_of(url)
    chosen = [kind.value for kind in KINDS_TO_CHOOSE if kind in kinds]
    if not chosen or set(kinds) - set(chosen):
        raise EndpointNotMade(_("Choose at least one of the events. Nothing was changed."), "kinds")
    return name, chosen
