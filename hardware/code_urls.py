"""Registration codes, by which systems that are online join."""

from django.urls import path

from hardware.views import registration_codes

_CODES = "o/<slug:organization>/registration-codes/"

urlpatterns = [
    path(_CODES, registration_codes.registration_codes, name="registration_codes"),
    path(f"{_CODES}make/", registration_codes.make_registration_code, name="make_registration_code"),
    path(f"{_CODES}<int:code>/revoke/", registration_codes.revoke_registration_code, name="revoke_registration_code"),
]
