"""Sealed confirmations: what the page before a Confirm showed, signed, and a nonce that lets it count once (R18, R20)."""

from typing import Any
from uuid import uuid4

from django.core import signing

from products.models import RegisteredProduct
from subscriptions.errors import ConfirmationForged


def seal(registered_product: RegisteredProduct, salt: str, **shown: Any) -> str:
    """Sign what a page showed, for this product of this organization. ``salt`` tells the pages apart."""
    return signing.dumps(
        {
            "organization": registered_product.organization_id,
            "registered_product": registered_product.pk,
            "nonce": str(uuid4()),
            **shown,
        },
        salt=salt,
        compress=True,
    )


def open_sealed(text: str, registered_product: RegisteredProduct, salt: str) -> dict[str, Any]:
    """What was sealed. Raises ConfirmationForged unless it was for this very product of this organization."""
    try:
        sealed: dict[str, Any] = signing.loads(text, salt=salt)
    # A text that was not signed here can be anything: the decoder's own errors are no more than a wrong signature.
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise ConfirmationForged from error
    if (sealed["organization"], sealed["registered_product"]) != (
        registered_product.organization_id,
        registered_product.pk,
    ):
        raise ConfirmationForged
    return sealed
