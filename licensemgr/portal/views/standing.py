"""Pages that always stand there, for anybody: what is kept of people, and where to ask."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from wallet.tries import TRIES_KEPT


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What the portal keeps, for how long, and who sees it."""
    context = {
        "invitation_days": settings.INVITATION_DAYS,
        "support_view_minutes": settings.SUPPORT_VIEW_MINUTES,
        "tries_kept_days": TRIES_KEPT.days,
        "session_days": settings.SESSION_COOKIE_AGE // (24 * 60 * 60),
    }
    return render(request, "portal/privacy.html", context)


@require_safe
def contact(request: HttpRequest) -> HttpResponse:
    """How whoever runs the portal is reached."""
    return render(request, "portal/contact.html", {"contact_email": settings.CONTACT_EMAIL})
