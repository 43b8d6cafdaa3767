"""Django's settings, derived from the environment variables that `registry_site/config/variables.py` describes.

Sections: variables, apps, web, browsers, database, storage, login, API, mail, logging.
"""

import sys
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from registry_site.api.openapi.settings import openapi_settings
from registry_site.config import databases, file_modes, storages
from registry_site.config.environment import HOME, VariableError, load
from registry_site.config.values import lifetime, listed, longest_lifetime

# --- Variables, which the apps read from here under the same names --------------------------------------------------
try:
    environment = load()
    UMASK = file_modes.set_umask(environment.UMASK)  # before any file is written
    database = databases.parse(environment.DATABASE, HOME, environment.THREADS)
    storage = storages.parse(environment)
except (VariableError, ImproperlyConfigured) as error:
    sys.exit(str(error))
VERSION = environment.VERSION
API_TOKEN, JWT_SECRET = environment.API_TOKEN, environment.JWT_SECRET
JWT_EXPIRATIONTIME = environment.JWT_EXPIRATIONTIME
DEFAULT_TENANT = environment.DEFAULT_TENANT
DEFAULT_TENANT_DATABASE = environment.DEFAULT_TENANT_DATABASE
DEFAULT_TENANT_EMAIL = environment.DEFAULT_TENANT_EMAIL
DEFAULT_TENANT_ADMIN_USERNAME = environment.DEFAULT_TENANT_ADMIN_USERNAME
DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD = environment.DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD
DEFAULT_TENANT_PASSWORDHASH = environment.DEFAULT_TENANT_PASSWORDHASH
DEFAULT_TENANT_DEMO = environment.DEFAULT_TENANT_DEMO
DEMO = environment.DEMO
SUPERUSER_USERNAME = environment.SUPERUSER_USERNAME
SUPERUSER_PASSWORD = environment.SUPERUSER_PASSWORD
PUBLIC_TENANT_LIST = environment.PUBLIC_TENANT_LIST
MIN_PASSWORD_STRENGTH = environment.MIN_PASSWORD_STRENGTH
DEFAULT_DAYS_VALIDITY_PASSWORD = environment.DEFAULT_DAYS_VALIDITY_PASSWORD
LOGIN_FAILURES_LIMIT = environment.LOGIN_FAILURES_LIMIT
LOGIN_FAILURES_ADDRESS_LIMIT = environment.LOGIN_FAILURES_ADDRESS_LIMIT
LOGIN_FAILURES_WINDOW = environment.LOGIN_FAILURES_WINDOW
LOG = environment.LOG
LOG_RETENTION_DAYS = environment.LOG_RETENTION_DAYS
EVENT_RETENTION_DAYS = environment.EVENT_RETENTION_DAYS
LOG_CONTENTS_LIMIT = environment.LOG_CONTENTS_LIMIT
MAX_UPLOAD_SIZE = environment.MAX_UPLOAD_SIZE
UPLOAD_RETENTION, DRAFT_RETENTION_DAYS = lifetime(environment.UPLOAD_RETENTION), environment.DRAFT_RETENTION_DAYS
MAX_BODY_SIZE, MAX_HEADER_SIZE = environment.MAX_BODY_SIZE, environment.MAX_HEADER_SIZE
MAX_JSON_DEPTH, MAX_JSON_ELEMENTS = environment.MAX_JSON_DEPTH, environment.MAX_JSON_ELEMENTS
BODY_TIMEOUT, TRANSFERS = environment.BODY_TIMEOUT, environment.TRANSFERS
MAX_LIST_LENGTH, MAX_BULK_LENGTH = environment.MAX_LIST_LENGTH, environment.MAX_BULK_LENGTH
MAX_FILES, MAX_FORM_FILES = environment.MAX_FILES, environment.MAX_FORM_FILES
QUERY_TIMEOUT = environment.QUERY_TIMEOUT
TRUSTED_PROXIES = listed(environment.TRUSTED_PROXIES)
ENVIRONMENT_NAME = environment.ENVIRONMENT_NAME
WORKERS, STOP_SECONDS = environment.WORKERS, environment.STOP_SECONDS
SECRET_KEY = environment.secret_key
UPLOAD_PATH = HOME / environment.UPLOAD_PATH
DOWNLOADS = environment.DOWNLOADS
JWT_LIFETIME = lifetime(environment.JWT_EXPIRATIONTIME)
JWT_RENEW_LIFETIME = lifetime(environment.JWT_RENEW_EXPIRATIONTIME)
TOKEN_MAX_LIFETIME = longest_lifetime(environment.TOKEN_MAX_LIFETIME)
RESET_LIFETIME = lifetime(environment.RESET_EXPIRATIONTIME)
PUBLIC_URL = environment.public_url
ENGINE_NAME = database.engine
THREADS = database.threads

# --- Apps -----------------------------------------------------------------------------------------------------------
CONTRIB = (
    "registry_site.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
)
INSTALLED_APPS = [
    "registry_site.apps.RegistrySite",
    "registry_site.pages",
    "catalog",
    "versions",
    "folksonomy",
    "tenants",
    *(database.contrib.get(app, app) for app in CONTRIB),
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
]
AUTH_USER_MODEL = "tenants.User"

# Functions that lower apps call by name, because they cannot import the higher apps that define them.
HOOKS = {
    "user_leaves": "catalog.deletions.refuse_owner",  # (user): refuse if the user owns anything
    "superuser_created": "tenants.identity.events.record_superuser",  # (user): write the event, in the transaction
    "user_left": "catalog.deletions.unlist_user",  # (user, by): remove the user from all lists, outside a transaction
    "tenant_emptied": "catalog.deletions.empty_tenant",  # (tenant_id): delete its rows, outside a transaction
    "tenant_leaves": "catalog.deletions.forget_tenant",  # (tenant_id): delete remaining rows, in the transaction
    "tenant_left": "versions.removal.remove_tenant_bytes",  # (tenant_id): delete its bytes, after the transaction
    "term_is_used": "catalog.curation.uses_term",  # (term): whether an item or version has this tag or metadata name
    "count_uses": "catalog.arrays.count_uses",  # (*, terms, reader): by key, the number of items with it that one reads
    # (*, tenant_id, names): the words that synonyms among the names stand for, by kind (tag, metadata) and name
    "current_words": "folksonomy.synonyms.current_words",
    "tenant_usage": "catalog.usage.tenant_usage",  # (tenant_ids): number of resources by kind and tenant
    "slot": "registry_site.serving.slots.Slot",  # (): context manager that waits for a slot and holds it
    # (*, must_return=True): context manager in which the request holds no slot
    "release_slot_while_waiting": "registry_site.serving.slots.release_slot_while_waiting",
}

# --- Web ------------------------------------------------------------------------------------------------------------
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "registry_site.urls"
WSGI_APPLICATION = "registry_site.wsgi.application"
APPEND_SLASH = False
SESSION_COOKIE_AGE = int(lifetime(environment.SESSION_EXPIRATIONTIME).total_seconds())
SESSION_ENGINE = "tenants.identity.authentication"
CSRF_FAILURE_VIEW = "registry_site.api.errors.csrf_failure"
MIDDLEWARE = [
    "tenants.log.recording.RequestLogMiddleware",
    "registry_site.api.middleware.ResponseHeaders",
    "django.middleware.security.SecurityMiddleware",
    "registry_site.api.middleware.CrossOrigin",
    "registry_site.api.middleware.RequestLimits",
    "registry_site.api.middleware.OptionalTrailingSlash",
    "registry_site.api.middleware.PageSession",
    "registry_site.api.middleware.PageCsrf",
    "registry_site.api.middleware.PageUser",
    "registry_site.api.middleware.PageMessages",
    "registry_site.api.middleware.PageBodyLimit",
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
                "registry_site.pages.site.theme",
            ]
        },
    }
]
STATIC_URL = "static/"
LANGUAGE_CODE = "en"
USE_I18N, USE_TZ = False, True
TIME_ZONE = "UTC"
DATA_UPLOAD_MAX_MEMORY_SIZE = environment.MAX_BODY_SIZE
DATA_UPLOAD_MAX_NUMBER_FILES = environment.MAX_FORM_FILES + 100  # the parts that are no files are counted apart
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000  # an item's form has three fields per metadata entry

# --- Browsers -------------------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = environment.https
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(PUBLIC_URL))]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if environment.https else 0
# Browsers do not send tokens by themselves, so any origin may call the API, but not the admin site, which uses cookies.
CORS_ALLOW_ALL_ORIGINS = environment.CORS_ORIGINS == "*"
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else listed(environment.CORS_ORIGINS)
CORS_URLS_REGEX = rf"^/({VERSION}/|login/?$|healthz/?$)"
CORS_ALLOW_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CONDITIONS = ("if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range")
TUS_REQUEST = ("tus-resumable", "upload-checksum", "upload-concat", "upload-length", "upload-metadata", "upload-offset")
BODIES = ("content-type", "content-digest", "x-http-method-override")
CORS_ALLOW_HEADERS = ("accept", "authorization", *BODIES, *CONDITIONS, *TUS_REQUEST)
LENGTHS = ("Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range")
TUS_CAPABILITIES = ("Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version")
TUS_STATE = ("Location", "Upload-Concat", "Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset")
OTHERS = ("ETag", "Last-Modified", "Repr-Digest", "Replaced-Words", "Retry-After", "WWW-Authenticate")
CORS_EXPOSE_HEADERS = (*LENGTHS, *OTHERS, *TUS_CAPABILITIES, *TUS_STATE)

# --- Database -------------------------------------------------------------------------------------------------------
DATABASES = {"default": {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True} | database.default}
DEFAULT_AUTO_FIELD = database.auto_field
MIGRATION_MODULES = database.migrations

# --- Storage --------------------------------------------------------------------------------------------------------
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "versions": storage,
}

# --- Login ----------------------------------------------------------------------------------------------------------
# The first hasher is used for new passwords.
PASSWORD_HASHERS = ["tenants.identity.login.PasswordHasher", "tenants.identity.login.ImportedHasher"]
AUTHENTICATION_BACKENDS = ["tenants.identity.admin_login.SuperuserBackend"]
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [{"NAME": "tenants.identity.passwords.StrengthValidator"}]
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # usernames are unique per tenant; the backend handles that
    "security.W002",  # ResponseHeaders sets X-Frame-Options
    "security.W003",  # PageCsrf is Django's CsrfViewMiddleware
    "security.W005",  # HSTS covers this host only, not its subdomains
    "security.W008",  # HTTP_REDIRECT redirects HTTP; the HTTPS port accepts only HTTPS
    "security.W021",  # the domain's owner decides about HSTS preload lists
]

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.identity.authentication.TokenAuthentication",
        "tenants.identity.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.rest.permissions.RoleTablePermission"],
    "DEFAULT_FILTER_BACKENDS": ["tenants.rest.querying.openapi.ListParameters"],
    "DEFAULT_PAGINATION_CLASS": "tenants.rest.querying.openapi.PageEnvelope",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "tenants.rest.negotiation.HtmlOrJsonNegotiation",
    "DEFAULT_PARSER_CLASSES": ["tenants.rest.negotiation.JSONParser", "tenants.rest.negotiation.FormParser"],
    "DEFAULT_RENDERER_CLASSES": ["tenants.rest.negotiation.JSONRenderer", "registry_site.pages.renderer.PageRenderer"],
    "DEFAULT_SCHEMA_CLASS": "registry_site.api.openapi.schema.RegistrySchema",
    "EXCEPTION_HANDLER": "registry_site.api.errors.exception_response",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": [
        "tenants.rest.negotiation.JSONRenderer",
        "rest_framework.renderers.MultiPartRenderer",
    ],
}

SPECTACULAR_SETTINGS = openapi_settings(environment.VERSION)

# --- Mail -----------------------------------------------------------------------------------------------------------
_server, _, _port = environment.SMTP_SERVER.partition(":")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _server else 'console'}.EmailBackend"
EMAIL_HOST = _server
EMAIL_PORT = int(_port or (465 if environment.SMTP_SECURITY == "tls" else 587))
EMAIL_HOST_USER = environment.SMTP_USERNAME
EMAIL_HOST_PASSWORD = environment.SMTP_PASSWORD
EMAIL_USE_TLS = environment.SMTP_SECURITY == "starttls"
EMAIL_USE_SSL = environment.SMTP_SECURITY == "tls"
EMAIL_TIMEOUT = 10
EMAIL_TAG = environment.EMAIL_TAG
DEFAULT_FROM_EMAIL = environment.SMTP_EMAIL or environment.EMAIL

# --- Logging --------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django.request": {"level": "ERROR"}},  # client errors are in the request log
}
