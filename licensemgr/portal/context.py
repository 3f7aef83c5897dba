"""What every page of the portal needs in its frame."""

from typing import Any

from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """The person's organizations, the one that the page is about, and the demonstration's clock."""
    return {}
