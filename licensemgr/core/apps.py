from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "licensemgr.core"
    label = "core"
    verbose_name = _("Operation")

    def ready(self) -> None:
        # Models are there only now.
        from licensemgr.core.names import name_tables_and_columns
        from licensemgr.core.reporting import start_reporting
        from licensemgr.core.tenancy.applying import after_migrating

        name_tables_and_columns()
        start_reporting(settings.SENTRY_DSN, environment=settings.MODE)
        post_migrate.connect(after_migrating, sender=self)
