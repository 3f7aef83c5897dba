"""The messages that subscriptions send."""

import calendar
from datetime import date

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from licensemgr.core.mail import write_message
from organizations.models import Organization, Role
from subscriptions.queries import ProductStanding


def months_after(day: date, months: int) -> date:
    """The date ``months`` months later; a day that the month does not have falls back to its last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def tell_of_exceeded_allowance(organization: Organization, standing: ProductStanding, on: date) -> None:
    """Write a mail to every administrator: the growth allowance is exceeded, and by how much per type (R12)."""
    current = standing.current
    if current is None:
        return
    listed = "\n".join(
        f"  {license_type.name}: {current.missing[license_type.code]}"
        for license_type in standing.types
        if current.missing[license_type.code]
    )
    total = current.missing_total
    subject = _("%(product)s: the growth allowance is exceeded") % {"product": standing.product.name}
    body = "\n\n".join(
        [
            _("%(organization)s has grown beyond the annual growth allowance for %(product)s on %(date)s.")
            % {
                "organization": organization.name,
                "product": standing.product.name,
                "date": formats.date_format(on, "DATE_FORMAT"),
            },
            ngettext("%(total)d license is missing:", "%(total)d licenses are missing:", total) % {"total": total},
            listed,
            _(
                "The product stays licensed. Open Product licensing and allocate the licenses that are missing; this message "
                "comes again every month while the allowance is exceeded."
            ),
        ]
    )
    administrators = organization.memberships.filter(role=Role.ADMINISTRATOR).select_related("user").order_by("pk")
    for membership in administrators:
        write_message(
            organization=organization,
            recipient=membership.user.email,
            subject=subject,
            body_text=body,
            reason=f"allowance-exceeded:{standing.registered_product.pk}:{on.isoformat()}:{membership.user_id}",
            on=on,
        )
