"""Every variable that an installation can set: its default and its meaning, once; docs/settings.md is made of it.

``python -m licensemgr.variables > docs/settings.md`` writes the page. A test holds this table against the readers in
settings.py: a variable that is read and not described, or described and not read, fails it, and so does another default.
"""

from typing import NamedTuple


class Variable(NamedTuple):
    """How a variable is described. Defaults are those of production, as Markdown."""

    default: str
    meaning: str


_REQUIRED = "none in production"
VARIABLES = {
    "MODE": Variable("`production`", "`production`, `demonstration` or `test`"),
    "SECRET_KEY": Variable(_REQUIRED, "signs sessions and forms; at least 50 random characters"),
    "SECRET_KEY_FALLBACKS": Variable(
        "empty", "former secret keys that are still accepted, separated by commas or lines"
    ),
    "LICENSE_KEY_PEPPER": Variable(
        _REQUIRED,
        "keys the hashes under which license keys and owner authentication keys are stored; at least 50 random characters",
    ),
    "LICENSE_KEY_PEPPER_FALLBACKS": Variable(
        "empty",
        "former peppers, separated by commas or lines, as long as `manage.py peppers` counts keys that were stored under them",
    ),
    "ENCRYPTION_SECRET": Variable(
        _REQUIRED,
        "encrypts the keys of units' proofs, of signing and of webhooks at rest; at least 50 random characters",
    ),
    "ENCRYPTION_SECRET_FALLBACKS": Variable(
        "empty",
        "former ones of these, separated by commas or lines, until `manage.py renew_encryption` has renewed what was encrypted "
        "under them",
    ),
    "LICENSE_FILE_DAYS": Variable("`400`", "after so many days a system has to fetch a newer license file"),
    "ISSUE_LOG_DIR": Variable(
        "`issue-log` in `VAR_DIR`", "where each license file given is written down outside of the database"
    ),
    "ALLOWED_HOSTS": Variable(_REQUIRED, "the portal's host names, separated by commas"),
    "CSRF_TRUSTED_ORIGINS": Variable(
        "empty", "further origins that may post forms, as `https://name`, separated by commas"
    ),
    "TRUSTED_PROXY": Variable(
        "`0`",
        "where the proxy is that ends TLS and sets `X-Forwarded-Proto` and `X-Forwarded-For`: `1` for this machine, or its "
        "addresses or networks, separated by commas; from elsewhere these headers count for nothing",
    ),
    "INSECURE_LOOPBACK": Variable(
        "`0`", "`1` allows plain http, for a trial on one's own machine: `ALLOWED_HOSTS` may then name loopback only"
    ),
    "WEB_CONCURRENCY": Variable("`1`", "how many processes of the web server are started; on SQLite one"),
    "DATABASE_URL": Variable("SQLite in `VAR_DIR`", "`sqlite:///path` or `postgresql://user:password@host:port/name`"),
    "DATABASE_PASSWORD": Variable(
        "empty", "the password of `DATABASE_URL`, where that has none, so that it can stand in a file"
    ),
    "DATABASE_OWNER_URL": Variable(
        "empty",
        "PostgreSQL as the owner of the tables, past PgBouncer, for commands of `manage.py`; web, worker and beat never use it",
    ),
    "DATABASE_OWNER_PASSWORD": Variable(
        "empty", "the password of `DATABASE_OWNER_URL`, where that has none, so that it can stand in a file"
    ),
    "DATABASE_ROLES": Variable(
        "`license_manager`",
        "what the names of the portal's roles on the PostgreSQL server begin with; another one for each portal there",
    ),
    "DATABASE_POOLER": Variable(
        "`0`",
        "`1` where PgBouncer stands between in transaction mode: no prepared statements, cursors and options that belong to "
        "a connection; the time limits then come from the database (`manage.py database_limits`)",
    ),
    "DATABASE_PARTITIONS": Variable(
        "`16`",
        "in how many partitions by organization PostgreSQL keeps History, the ledger's entries and the counts of devices; read "
        "when the tables are made, and never again (`docs/scale.md`)",
    ),
    "REPLICA_DATABASE_URL": Variable(
        "empty",
        "a streaming replica of the database, as a URL like `DATABASE_URL`, with that one's password where it has none: History "
        "and exports are read there, and never who may do what",
    ),
    "REPLICA_MAX_LAG_SECONDS": Variable(
        "`60`", "a replica that heard nothing from the primary for so many seconds is not read; the primary is"
    ),
    "DATABASE_STATEMENT_SECONDS": Variable("`60`", "after so many seconds PostgreSQL ends a statement"),
    "DATABASE_LOCK_SECONDS": Variable(
        "`15`", "after so many seconds PostgreSQL ends a statement that waits for a lock"
    ),
    "DATABASE_IDLE_SECONDS": Variable(
        "`120`", "after so many seconds PostgreSQL ends a connection whose transaction is open and does nothing"
    ),
    "REDIS_URL": Variable(
        "empty", "`redis://host:port/number` for queue and cache; without it a folder of `VAR_DIR` and the database"
    ),
    "VAR_DIR": Variable("`var`", "the folder of everything that is written"),
    "STATIC_ROOT": Variable("`static` in `VAR_DIR`", "where the static files are collected"),
    "SETTLE_MAX_DAYS": Variable("`400`", "a clock that is further ahead of the last day seen is not believed"),
    "SIGNUP": Variable(
        "`open`",
        "who may make an account: `open` for everybody, `invited` for those who were invited to an organization",
    ),
    "INVITATION_DAYS": Variable("`14`", "how long an invitation can be accepted"),
    "SUPPORT_VIEW_MINUTES": Variable("`60`", "how long a support view of staff lasts"),
    "PORTAL_URL": Variable(
        "`https://` and the first of `ALLOWED_HOSTS`",
        "the portal's address in mails, license files and beside a new registration code",
    ),
    "CONTACT_EMAIL": Variable("empty", "where people reach whoever runs the portal; shown on the contact page"),
    "MAINTENANCE": Variable("`0`", "`1` answers every page but `/healthz` and `/metrics` with the maintenance page"),
    "LICENSE_KEY_TRIES_PER_HOUR": Variable(
        "`20`",
        "how many unknown license keys, and as many wrong owner authentication keys (typed, or proofs in system files), may "
        "be tried",
    ),
    "SILENT_AFTER_HOURS": Variable(
        "`72`", "a system that is online and made no call for so many hours is shown as silent"
    ),
    "API_CALLS_PER_HOUR": Variable(
        "`60`", "how many calls of one system, which its key proves, are answered in an hour"
    ),
    "API_UNPROVED_CALLS_PER_HOUR": Variable(
        "`120`", "how many calls that nothing proves (an unknown system, a wrong code) may come from one network"
    ),
    "SHOP_CALLS_PER_HOUR": Variable("`3600`", "how many calls one token of the vendor's shop may make within an hour"),
    "EMAIL_HOST": Variable("`localhost`", "the mail server"),
    "EMAIL_PORT": Variable("`25`", "its port"),
    "EMAIL_HOST_USER": Variable("empty", "the name with which to sign in there"),
    "EMAIL_HOST_PASSWORD": Variable("empty", "the password with which to sign in there"),
    "EMAIL_USE_TLS": Variable("`0`", "`1` for STARTTLS"),
    "DEFAULT_FROM_EMAIL": Variable("`License Manager <license-manager@localhost>`", "the sender of mail"),
    "LOG_LEVEL": Variable("`INFO`", "how much is logged"),
    "LOG_FORMAT": Variable("`json`", "`json`: one JSON object a line; `plain`: lines for people"),
    "METRICS_TOKEN": Variable(
        "empty",
        "whoever asks `/metrics` has to bear this token (`Authorization: Bearer …`), at least 32 random characters; empty: there "
        "is no such page",
    ),
    "SENTRY_DSN": Variable("empty", "errors are sent to this address of Sentry, without secrets; empty: nowhere"),
    "DEBUG": Variable("`0`", "`1` shows what failed to whoever sees it; refused in production"),
}

_PAGE = """# Settings

Everything comes from the environment; a value that is missing, wrong or unsafe stops the start with a sentence. For any text
value, `NAME_FILE` may name a file that holds it instead, as secrets of containers do. Flags are `1` or `0`.

| variable | default | meaning |
| --- | --- | --- |
{rows}

In production the portal refuses to start, and says why, where

- `DEBUG` is on;
- a secret is missing, short, known from the code, or one stands in two places;
- `ALLOWED_HOSTS` is empty or lets every host in;
- plain http would leave this machine: `INSECURE_LOOPBACK` is on and a host name or an address that is listened on is not
  loopback, or `TRUSTED_PROXY` lets every address be the proxy;
- SQLite would be used by more than one process of the web server;
- the cache is one of a single process, so that limits would be counted by each process for itself;
- signing in, to the admin site too, has no limit of wrong passwords;
- the token of `/metrics` is short.
"""


def page() -> str:
    """docs/settings.md, whole."""
    rows = "\n".join(f"| `{name}` | {it.default} | {it.meaning} |" for name, it in VARIABLES.items())
    return _PAGE.format(rows=rows)


if __name__ == "__main__":
    print(page(), end="")
