"""System files in, license files out."""

from django.urls import path

from hardware.views import files, identities, license_files

_ORGANIZATION = "o/<slug:organization>/"
_UPLOAD = f"{_ORGANIZATION}upload/"
_SYSTEM = f"{_ORGANIZATION}systems/<uuid:system>/"

urlpatterns = [
    path(_UPLOAD, files.upload_system_file, name="upload_system_file"),
    # The files of one upload
    path(f"{_UPLOAD}<uuid:batch>/", files.confirm_system_files, name="confirm_system_files"),
    path(f"{_UPLOAD}<uuid:batch>/done/", files.system_files_done, name="system_files_done"),
    path(f"{_UPLOAD}<uuid:batch>/license-files.zip", license_files.upload_license_files, name="upload_license_files"),
    # License files
    path(f"{_ORGANIZATION}license-files.zip", license_files.all_license_files, name="all_license_files"),
    path(f"{_SYSTEM}license-file/", license_files.download_license_file, name="download_license_file"),
    path(f"{_SYSTEM}identity/", identities.system_identity, name="system_identity"),
]
