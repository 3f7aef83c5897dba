"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from licensemgr.core.tenancy.starting import refuse_mighty_role

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
application = get_wsgi_application()
refuse_mighty_role()
