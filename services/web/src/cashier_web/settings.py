"""Django settings of the web service."""

from datetime import timedelta

from csp.constants import NONE, SELF

from cashier_core import env, logs
from cashier_core.settings import *  # noqa: F403
from cashier_web.infra.database_address import database_settings
from cashier_web.infra.mail import mail_settings
from cashier_web.infra.media_storage import media_storage

ENVIRONMENT = env.read(env.WebEnvironment)

SECRET_KEY = ENVIRONMENT.cashier_secret_key
ALLOWED_HOSTS = list(ENVIRONMENT.cashier_hosts)
ROOT_URLCONF = "cashier_web.urls"
WSGI_APPLICATION = "cashier_web.wsgi.application"
LOGGING = logs.config(ENVIRONMENT.cashier_log_level, ENVIRONMENT.cashier_log_format)

INSTALLED_APPS = [
    "auditlog",
    "axes",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "import_export",
    "ninja",
    "cashier_core",
    "cashier_web",
]
MIDDLEWARE = [
    "cashier_web.infra.health.health_checks",
    "cashier_web.infra.request_log.RequestLog",
    "cashier_web.infra.expected_errors.ExpectedErrors",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "cashier_web.audit.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": database_settings(ENVIRONMENT.database_url)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Transactions use the mode IMMEDIATE, in which a transaction waits for the write lock when it begins. In another
    # mode, a transaction fails at its first write if another transaction is writing. In SQLite's WAL mode, readers
    # don't wait for a writer.
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
    }
else:
    # If the database does not answer, a connection to it fails after a few seconds. With the kernel's default timeouts,
    # it would fail after minutes.
    DATABASES["default"]["OPTIONS"] = {
        # With several servers, this is the time for each of them. Shorter times are not possible.
        "connect_timeout": 2 if "," in DATABASES["default"]["HOST"] else 3,
        "tcp_user_timeout": 5000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        # Options in DATABASE_URL override the options above, because they come last.
        **DATABASES["default"].get("OPTIONS", {}),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if ENVIRONMENT.email_url:
    # EMAIL_HOST, EMAIL_PORT and the other settings for mail
    globals().update(mail_settings(ENVIRONMENT.email_url))
DEFAULT_FROM_EMAIL = ENVIRONMENT.cashier_mail_from

STATIC_URL = "/static/"
STATIC_ROOT = ENVIRONMENT.cashier_static_root
MEDIA_URL = "/media/"
MEDIA_ROOT = ENVIRONMENT.cashier_media_root
STORAGES = {
    "default": media_storage(ENVIRONMENT.cashier_media_url),
    # The names of static files contain a hash of the content, so Nginx can tell browsers to keep the files forever.
    "staticfiles": {"BACKEND": "cashier_web.infra.static_files.HashedFiles"},
}

LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "stores"
LOGOUT_REDIRECT_URL = "sign_in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "cashier_web.accounts.passwords.LongEnough"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# New passwords are hashed with the first hasher. The second hasher checks passwords that older versions of cashier_q
# have hashed.
PASSWORD_HASHERS = [
    "cashier_web.accounts.passwords.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# After five wrong passwords for a username from one IP address, this username is locked at this address for 15 minutes.
# If the username were locked at all addresses, anybody could lock out a cashier. If the address were locked for all
# usernames, one person could lock out a whole store, because the computers of a store share one address.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "cashier_web.infra.request_info.client_address"
AXES_LOCKOUT_CALLABLE = "cashier_web.infra.errors.locked_out"
AXES_RESET_ON_SUCCESS = True
# If AXES_VERBOSE were True, django-axes would log a greeting when it starts. The greeting would appear in the output of
# management commands.
AXES_VERBOSE = False
# If AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT were True, each attempt to sign in with a locked username would start
# the 15 minutes of the lock again. Each attempt would also make the database row of the username longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# If AXES_DISABLE_ACCESS_LOG were False, django-axes would add a database row for each sign-in, and would never delete
# these rows. The rows are not needed, because each sign-in is in the log.
AXES_DISABLE_ACCESS_LOG = True
SESSION_ENGINE = "cashier_web.accounts.sessions"
SESSION_COOKIE_AGE = round(ENVIRONMENT.cashier_session_hours * 3600)

# Nginx sets the header X-Forwarded-Proto to the scheme that the browser used (http or https). Nginx replaces a value
# that a client has sent, so Django can trust this header.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.cashier_https
SECURE_HSTS_SECONDS = ENVIRONMENT.cashier_hsts_seconds
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "cashier_web.infra.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# The largest size of a request in bytes. The size of uploaded files does not count, because Nginx limits this size.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024
