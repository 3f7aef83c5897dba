from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "licensemgr.core"
    label = "core"
    verbose_name = "Operation"
