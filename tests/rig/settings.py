"""The portal's own settings, with an app in which its processes end where the rig says (tests/rig/points.py)."""

from licensemgr import settings as _portal

globals().update({name: value for name, value in vars(_portal).items() if name.isupper()})

INSTALLED_APPS = ["tests.rig", *_portal.INSTALLED_APPS]
# Nothing is collected: how files are served is not what is tried here.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
