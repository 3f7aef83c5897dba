"""Every URL of the portal, on one page."""

from django.contrib import admin
from django.urls import include, path

from licensemgr.portal.admin_login import secure_the_admin

secure_the_admin()

handler400 = "licensemgr.core.problems.bad_request_answered"
handler404 = "licensemgr.core.problems.not_found"
handler500 = "licensemgr.core.problems.failed"

urlpatterns = [
    path("", include("licensemgr.portal.urls")),
    path("", include("organizations.urls")),
    path("", include("subscriptions.urls")),
    path("", include("wallet.urls")),
    path("", include("hardware.urls")),
    path("", include("hardware.file_urls")),
    path("", include("hardware.code_urls")),
    path("api/v1/", include("licensemgr.api.urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
]
