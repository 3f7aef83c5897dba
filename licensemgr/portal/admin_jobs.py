"""The page of the admin site on which staff see whether the jobs keep up."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from licensemgr.portal.lag import lag
from organizations.staff import staff_of


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """The last runs, and what waits for the next."""
    if not staff_of(request).has_perm("core.view_jobrun"):
        raise PermissionDenied
    context = {**admin.site.each_context(request), "title": _("Jobs and their lag"), "lag": lag()}
    return TemplateResponse(request, "admin/jobs.html", context)
