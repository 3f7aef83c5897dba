"""The tag by which the Product overview, a page of a floor below, finds the guide of its product."""

from typing import cast

from django import template
from django.template import Context

from licensemgr.portal import first_steps
from organizations.access import OrganizationRequest
from subscriptions.queries import ProductStanding

register = template.Library()


@register.simple_tag(takes_context=True)
def guide_of(context: Context, standing: ProductStanding) -> first_steps.Guide | None:
    """The guide on the page of one product; None where there is nothing to guide to."""
    request = cast(OrganizationRequest, context["request"])
    return first_steps.first_steps(request.membership, request.today, [standing], standing)
