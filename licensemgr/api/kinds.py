"""The kinds of problems by which clients of the API decide, each with its status and what it means. None ever changes."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# The end of a problem's type → (status, meaning).
KINDS: dict[str, tuple[int, Promise]] = {
    # Of every operation
    "bad-request": (
        400,
        _("The request or its body can't be read: it is not JSON, or holds text that nothing can store."),
    ),
    "not-found": (404, _("There is nothing at this address.")),
    "method-not-allowed": (
        405,
        _("The address does not take this method; the header Allow names those that it takes."),
    ),
    "too-large": (413, _("The body is larger than the address takes.")),
    "content-type": (415, _("The body is of another type than the address takes.")),
    "invalid-request": (422, _("Something in the request is not as described here; “errors” names the places.")),
    "too-many-calls": (
        429,
        _("More calls within an hour than allowed; the header Retry-After says for how long to wait."),
    ),
    "internal-error": (500, _("The portal failed. Sending the same request again does nothing twice.")),
    "busy": (503, _("The database did not take the call in time. Send the very same request again after Retry-After.")),
    "maintenance": (503, _("The portal is being maintained. Send the request again later.")),
    # Of systems
    "registration-needed": (401, _("The system belongs to no organization, and its registration code can't be used.")),
    "proof-refused": (401, _("The request is not signed as one of this system, or was made before.")),
    "clock-off": (401, _("The request was signed at a time that is too far from “server_time”.")),
    "identity-refused": (403, _("An administrator of the organization refused the key by which the system signs.")),
    "older-sequence": (409, _("A report with this sequence number, or a higher one, was accepted already.")),
    "length-required": (411, _("The request does not say how long its body is.")),
    "encoding-not-taken": (415, _("The report is packed; it has to be sent as it is.")),
    "document-refused": (422, _("The report is not a signed system file, or was altered.")),
    "system-file": (422, _("What the report says can't be accepted.")),
    "system-id": (422, _("The system's id can't be registered here.")),
    "system-of-another-product": (422, _("The system is registered for another product.")),
    "license-type": (422, _("The product has no such license type.")),
    "unit": (422, _("The hardware unit that the report proves was registered by somebody else at that moment.")),
    "date": (422, _("The organization's books are ahead of the portal's clock.")),
    "closed": (422, _("The organization was closed.")),
    "report-kept": (
        503,
        _("The report was taken, but there can be no license file at the moment. Send the very same one again."),
    ),
    "no-signing-key": (503, _("The portal can't sign license files at the moment.")),
    "issue-log": (503, _("The portal can't write down license files at the moment, so it gives none.")),
    "clock-jumped": (503, _("The portal's own clock is not believed at the moment.")),
    # Of the vendor's shop
    "token-refused": (401, _("The token is missing, unknown, expired or revoked.")),
    "scope-missing": (403, _("The token may not do this.")),
    "order-unknown": (404, _("No license keys were issued by the API for this order and line.")),
    "order-line-issued": (409, _("The line's keys were issued before; “keys” tells their states.")),
    "order-line-replaced": (409, _("Another batch of the line is newer than the one that was named.")),
    "nothing-to-replace": (409, _("No key of the line is free, so none can be replaced.")),
    "keys-not-revoked": (409, _("The keys in “keys”, or those ids, stand in the way; nothing was revoked.")),
    "order-not-understood": (422, _("A product, license type or reseller is not known, or a day is over.")),
    "order-too-large": (422, _("The line, or the answer, would hold more keys than it can.")),
    "not-revoked": (422, _("The reason is empty.")),
}
