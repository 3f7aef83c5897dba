from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "licensemgr.portal"
    label = "portal"
