"""The one settings file. Everything that differs between installations comes from the environment."""

import sys
from pathlib import Path
from typing import Any

from csp.constants import SELF
from django.core.exceptions import ImproperlyConfigured

from licensemgr import environment as env
from licensemgr import safety
from licensemgr.core import logs

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var"))).absolute()

# "production" is the default: an installation has to ask for the demonstration, never the reverse.
MODE = env.text("MODE", "production")
if MODE not in {"production", "demonstration", "test"}:
    raise ImproperlyConfigured("MODE has to be production, demonstration or test.")
DEMONSTRATION = MODE == "demonstration"
PRODUCTION = MODE == "production"

DEBUG = env.flag("DEBUG")
_UNSAFE = safety.UNSAFE
SECRET_KEY = env.text("SECRET_KEY", None if PRODUCTION else _UNSAFE)
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS")
# Keys are stored as HMAC-SHA-256 under this pepper; without it a stolen database lets nobody try keys.
LICENSE_KEY_PEPPER = env.text("LICENSE_KEY_PEPPER", None if PRODUCTION else _UNSAFE)
# Each hash knows which pepper made it, by an id worked out from the pepper (licensemgr/core/peppers.py).
LICENSE_KEY_PEPPER_FALLBACKS = env.names("LICENSE_KEY_PEPPER_FALLBACKS")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1],testserver")
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")

SETTLE_MAX_DAYS = env.number("SETTLE_MAX_DAYS", 400, minimum=1)
# Bringing the books up to date, in this order on one day (R3), and what is looked at after each change (R11, R12, R35).
BOOKS_SETTLERS = ["wallet.settle", "subscriptions.settle"]
BOOKS_AFTER_CHANGE = [
    "wallet.settle.look_after_change",
    "subscriptions.settle.look_after_change",
    "licensemgr.portal.hiding.show_what_is_used",
]

# How each kind of work that takes long is done (organizations/work.py).
WORK_KINDS = "licensemgr.portal.work.KINDS"

# Who may make an account: everybody, or only those who were invited to an organization.
SIGNUP = env.text("SIGNUP", "open")
if SIGNUP not in {"open", "invited"}:
    raise ImproperlyConfigured("SIGNUP has to be open or invited.")
INVITATION_DAYS = env.number("INVITATION_DAYS", 14, minimum=1)
SUPPORT_VIEW_MINUTES = env.number("SUPPORT_VIEW_MINUTES", 60, minimum=1)
# After this many days a system has to fetch a newer license file, whatever its licenses' dates are.
LICENSE_FILE_DAYS = env.number("LICENSE_FILE_DAYS", 400, minimum=1)
# Each license file given is written here too, outside of the database, so that a restored backup can be compared with it.
ISSUE_LOG_DIR = Path(env.text("ISSUE_LOG_DIR", str(VAR_DIR / "issue-log"))).absolute()
# The address of the portal in mails that no request causes.
PORTAL_URL = env.text(
    "PORTAL_URL", f"https://{ALLOWED_HOSTS[0]}" if PRODUCTION and ALLOWED_HOSTS else "http://localhost:8000"
).rstrip("/")
# Where people reach whoever runs the portal; shown on the contact page.
CONTACT_EMAIL = env.text("CONTACT_EMAIL", "")
# While on, every page but /healthz answers 503 with the maintenance page.
MAINTENANCE = env.flag("MAINTENANCE")

# What subscriptions ask of the hardware floor above them (R14a, R25).
UNIT_STANDINGS = "hardware.queries.unit_standings"
# Who is told that license keys were redeemed, undone or revoked, in the transaction in which they were.
LICENSE_KEY_LISTENERS = ["licensemgr.shop.events.key_changed"]
# Keys that have to be used again (of units' proofs, of signing) are encrypted at rest under this.
ENCRYPTION_SECRET = env.text("ENCRYPTION_SECRET", None if PRODUCTION else _UNSAFE)
# What is sealed under these still opens, until “manage.py renew_encryption” brought it under the one above.
ENCRYPTION_SECRET_FALLBACKS = env.names("ENCRYPTION_SECRET_FALLBACKS")

# A system that is online and was not heard for so long is shown as silent.
SILENT_AFTER_HOURS = env.number("SILENT_AFTER_HOURS", 72, minimum=1)
# How many calls one system may make within an hour; and how many calls that nothing proves come in from one network.
API_CALLS_PER_HOUR = env.number("API_CALLS_PER_HOUR", 60, minimum=1)
API_UNPROVED_CALLS_PER_HOUR = env.number("API_UNPROVED_CALLS_PER_HOUR", 120, minimum=1)
# How many calls one token of the vendor's shop may make within an hour.
SHOP_CALLS_PER_HOUR = env.number("SHOP_CALLS_PER_HOUR", 3600, minimum=1)

LICENSE_KEY_TRIES_PER_HOUR = env.number("LICENSE_KEY_TRIES_PER_HOUR", 20, minimum=1)

INSTALLED_APPS = [
    "organizations",
    "history",
    "products",
    "wallet",
    "subscriptions",
    "hardware",
    "licensemgr.core",
    "licensemgr.shop",
    "licensemgr.portal",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "licensemgr.core.proxies.ProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "licensemgr.core.observing.ObservingMiddleware",
    "licensemgr.core.middleware.CompressedPagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "licensemgr.core.middleware.ReadersLanguageMiddleware",
    "licensemgr.core.middleware.MaintenanceMiddleware",
    "licensemgr.core.middleware.StandingPagesMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "organizations.middleware.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "organizations.middleware.RefusedFormsMiddleware",
    "organizations.middleware.StaffMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "organizations.middleware.SigningInMiddleware",
    "licensemgr.core.middleware.BadInputMiddleware",
]

ROOT_URLCONF = "licensemgr.urls"
WSGI_APPLICATION = "licensemgr.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "licensemgr.portal.context.portal",
            ],
        },
    }
]

# The demonstration has a file of its own: starting it over touches nothing else.
_SQLITE_NAME = "license-manager.sqlite3" if PRODUCTION else f"{MODE}.sqlite3"
_url = env.text("DATABASE_URL", f"sqlite:///{VAR_DIR}/{_SQLITE_NAME}")
# Commands are run by whoever runs the portal: they own the tables. Web, worker and beat never sign in as the owner (R30).
_owner_url = env.text("DATABASE_OWNER_URL", "")
if Path(sys.argv[0]).name != "manage.py":
    _owner_url = ""
DATABASES = {"default": env.database(_owner_url or _url, BASE_DIR)}
SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
_password, _owner_password = env.text("DATABASE_PASSWORD", ""), env.text("DATABASE_OWNER_PASSWORD", "")
if _given := _owner_password if _owner_url else _password:
    DATABASES["default"]["PASSWORD"] = _given
DATABASE_LIMITS = env.postgresql_limits()
DATABASE_POOLER = env.flag("DATABASE_POOLER")
# How the web signs in, for the owner to make that role; and what the names of the portal's roles on the server begin with.
DATABASE_LOGIN = env.login(_url, _password) if _owner_url else None
DATABASE_ROLES = env.identifier("DATABASE_ROLES", "license_manager_test" if MODE == "test" else "license_manager")
# Read when the tables are made (licensemgr.core.partitions). Tests have fewer, since they empty all tables again and again.
DATABASE_PARTITIONS = env.number("DATABASE_PARTITIONS", 4 if MODE == "test" else 16, minimum=1)
if not SQLITE:
    DATABASES["default"] |= env.postgresql_options(DATABASE_LIMITS, is_pooled=DATABASE_POOLER and not _owner_url)
    DATABASES["default"]["REFUSE_MIGHTY_ROLE"] = PRODUCTION and not _owner_url
# A copy that runs behind: History and exports may be read there, and never who may do what (history/replica.py).
REPLICA_MAX_LAG_SECONDS = env.number("REPLICA_MAX_LAG_SECONDS", 60, minimum=1)
if _replica_url := env.text("REPLICA_DATABASE_URL", ""):
    DATABASES["replica"] = env.replica(_replica_url, BASE_DIR, _password, is_of_sqlite=SQLITE)
    DATABASES["replica"] |= env.postgresql_options(DATABASE_LIMITS, is_pooled=DATABASE_POOLER)
    DATABASES["replica"]["OPTIONS"] |= {"connect_timeout": 3}
    DATABASES["replica"]["REFUSE_MIGHTY_ROLE"] = PRODUCTION
    DATABASE_ROUTERS = ["history.replica.Router"]
# Read by gunicorn, too.
WEB_CONCURRENCY = env.number("WEB_CONCURRENCY", 1, minimum=1)

REDIS_URL = env.text("REDIS_URL", "")
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "shared_cache",
            # What is counted there are wrong tries; by default the table would forget some of them above 300 rows.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    )
}

CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost//"
if not REDIS_URL:
    _queue = VAR_DIR / ("queue" if PRODUCTION else f"{MODE}-queue")
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue / "messages"),
        "data_folder_out": str(_queue / "messages"),
        "processed_folder": str(_queue / "processed"),
        "control_folder": str(_queue / "control"),
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

AUTH_USER_MODEL = "organizations.User"
# People are known by one address, User.email; this one takes the same query and the same hash for an unknown one.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
if MODE == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "my_systems"
ACCOUNT_ADAPTER = "organizations.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    name: f"organizations.forms_account.{form}"
    for name, form in {
        "login": "LoginForm",
        "reauthenticate": "ReauthenticateForm",
        "add_email": "AddEmailForm",
        "confirm_email_verification_code": "ChangeCodeForm",
        "change_password": "ChangePasswordForm",
        "set_password": "SetPasswordForm",
        "reset_password": "ResetPasswordForm",
        "reset_password_from_key": "ResetPasswordKeyForm",
    }.items()
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = True
# An address counts once its owner has typed the code in the same browser: no link that somebody else prepared.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
# One address a person: a new one takes the old one's place when it is verified, and the old one is told.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105 - names a class
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60
# Beside allauth's own limits of tries: how many mails somebody else can have sent to one address.
ACCOUNT_RATE_LIMITS = {"confirm_email": "1/10s/key,10/h/key", "reset_password": "20/m/ip,10/h/key"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]

LANGUAGE_CODE = "en"
# Each by its own name, as it stands where people choose.
LANGUAGES = [
    ("en", "English"),
    ("sv", "Svenska"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("ja", "日本語"),
    ("ar", "العربية"),
]
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_HTTPONLY = True
LOCALE_PATHS = [BASE_DIR / "locale"]
# Made by manage.py messages --pseudo: it shows what is not translated, and what longer words break.
PSEUDO_LOCALE_DIR = VAR_DIR / "pseudo-locale"
if DEMONSTRATION and PSEUDO_LOCALE_DIR.is_dir():
    LOCALE_PATHS.append(PSEUDO_LOCALE_DIR)
    LANGUAGES.append(("en-xa", "Pseudo"))
# Pages write numbers with the language's separators; Django's formats of some languages leave open how many digits are a group.
USE_THOUSAND_SEPARATOR = True
NUMBER_GROUPING = 3
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
# Tests serve the files as they lie there; nothing is collected for them.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = MODE == "test"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.text("STATIC_ROOT", str(VAR_DIR / "static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": {
            "production": "whitenoise.storage.CompressedManifestStaticFilesStorage",
            # Compressing takes longer than all the rest of a first start.
            "demonstration": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
            "test": "django.contrib.staticfiles.storage.StaticFilesStorage",
        }["test" if DEBUG else MODE]
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = PRODUCTION

# Mail is written to the outbox in the transaction that causes it; the worker hands it to this server.
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if PRODUCTION else "django.core.mail.backends.dummy.EmailBackend"
)
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", 25, minimum=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "License Manager <license-manager@localhost>")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}
# Plain http is for loopback only; behind a proxy that ends TLS, TRUSTED_PROXY says so.
INSECURE_LOOPBACK = env.flag("INSECURE_LOOPBACK", not PRODUCTION)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = not INSECURE_LOOPBACK
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Asked from beside the portal, by plain http and by address (licensemgr/core/proxies.py).
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
if not INSECURE_LOOPBACK:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
TRUSTED_PROXIES = env.networks("TRUSTED_PROXY")
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
# A posted form of the portal is small; anything above this is no form of ours. With a file it may be larger.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
REQUEST_BODY_MAX_BYTES = 10 * 1024 * 1024
# One more than an upload of system files takes, so that its page says so; its bytes it limits itself (hardware/receiving.py).
DATA_UPLOAD_MAX_NUMBER_FILES = 201

# Whoever asks /metrics has to bear this token; without one there is no such page.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
# Errors are sent there, without secrets (licensemgr/core/reporting.py); empty: nowhere.
SENTRY_DSN = env.text("SENTRY_DSN", "")

LOG_LEVEL = env.text("LOG_LEVEL", "INFO")
LOG_FORMAT = env.text("LOG_FORMAT", "json" if PRODUCTION else "plain")
if LOG_FORMAT not in {"json", "plain"}:
    raise ImproperlyConfigured("LOG_FORMAT has to be json or plain.")
LOGGING = logs.settings_of_logging(LOG_LEVEL, LOG_FORMAT)

if PRODUCTION and (_refused := safety.refusals(globals())):
    raise ImproperlyConfigured("\n".join(_refused))
