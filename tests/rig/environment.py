"""The rig's own process uses the portal's code to sign system files, and no database: it asks by HTTP as others do."""

import os
import tempfile

import django

os.environ |= {
    "MODE": "test",
    "DJANGO_SETTINGS_MODULE": "licensemgr.settings",
    "DATABASE_URL": f"sqlite:///{tempfile.gettempdir()}/license-manager-rig-has-none.sqlite3",
    "REDIS_URL": "",
}
django.setup()
