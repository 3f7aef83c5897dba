"""How many points of 100 Lighthouse gives six pages for how fast they are: a phone on a slow net, files as in production.

    .venv/bin/python -m tests.bench.pages

The portal runs as `serve` starts it, in production mode, on the demonstration's data in a database of its own in a temporary
folder; static files are collected and compressed. 98 are wanted; nothing is asserted, since it depends on the machine.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

CATEGORIES = ("performance",)
WANTED = 98
NORDHAMN, CAMERA = "nordhamn-logistics", "camera-station"
# URL name, and its arguments; all but the first are of somebody who is signed in.
PAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("account_login", ()),
    ("product_list", (NORDHAMN,)),
    ("product_overview", (NORDHAMN, CAMERA)),
    ("product_licensing", (NORDHAMN, CAMERA)),
    ("product_wallet", (NORDHAMN, CAMERA)),
    ("where_to_buy", ()),
)


def main(folder: Path) -> None:
    """Measure and print."""
    os.environ |= {
        "MODE": "production",
        "DJANGO_SETTINGS_MODULE": "licensemgr.settings",
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        "ALLOWED_HOSTS": "127.0.0.1",
        "INSECURE_LOOPBACK": "1",
        "LOG_LEVEL": "ERROR",
    } | {name: secrets.token_urlsafe(64) for name in ("SECRET_KEY", "LICENSE_KEY_PEPPER", "ENCRYPTION_SECRET")}
    for command in (["migrate", "-v0"], ["createcachetable", "-v0"], ["collectstatic", "-v0", "--no-input"]):
        subprocess.run([sys.executable, "manage.py", *command], check=True)
    import django

    django.setup()
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    from licensemgr.core import clock
    from licensemgr.portal.demonstration import seed_demonstration
    from organizations.models import User
    from tests.bench.served import served
    from tests.lighthouse.asking import CHROMIUM, lighthouse

    seed_demonstration(today=clock.now().date())
    client = Client()
    client.force_login(User.objects.get(email="ingrid@example.com"), backend=settings.AUTHENTICATION_BACKENDS[0])
    name = settings.SESSION_COOKIE_NAME
    with served({name: client.cookies[name].value}) as portal, lighthouse(CHROMIUM or "") as asked:
        for page, arguments in PAGES:
            address = f"http://127.0.0.1:{portal.port}{reverse(page, args=arguments)}"
            cookies = "" if page == "account_login" else portal.cookies
            found = asked.ask(address, CATEGORIES, cookies=cookies, slow=True)
            points = found.scores["performance"]
            print(
                f"{page:20} {points:4}{'' if points >= WANTED else f'  below {WANTED}: ' + '; '.join(found.failed)}",
                flush=True,
            )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        main(Path(where))
