"""All configuration variables with their types, defaults and meanings.

Each field is a variable of the same name; docs/configuration.md is generated from these fields.
"""

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from registry_site.config.values import Count, Duration, DurationOrNever, Networks, Port

ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


class Environment(BaseSettings):
    """All configuration variables."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore", env_ignore_empty=True)

    VERSION: str = Field(
        "v1",
        pattern=r"^[A-Za-z0-9._-]{1,32}$",
        description="First part of the API's paths.",
    )
    PROTOCOL: Literal["http", "https"] = Field(
        "http",
        description="`https` uses the certificate in `CERTIFICATES`; without one the registry signs its own.",
    )
    HOST: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` for all addresses.")
    HTTP_PORT: Port = Field(8084, description="Port for HTTP.")
    HTTPS_PORT: Port = Field(8443, description="Port for HTTPS.")
    HTTP_REDIRECT: bool = Field(False, description="Whether `HTTP_PORT` redirects clients to HTTPS.")
    TRUSTED_PROXIES: Networks = Field(
        "",
        description="Addresses or networks of proxies whose `X-Forwarded-*` headers are trusted, comma-separated.",
    )
    CORS_ORIGINS: str = Field(
        "*",
        pattern=r"^(\*|https?://[^\s/,]+(\s*,\s*https?://[^\s/,]+)*)$",
        description="Origins whose pages may call the API, comma-separated; `*`: all.",
    )
    HTTPSSECRET: str = Field("", description="Passphrase of the certificate's private key.")
    CERTIFICATES: Path = Field(
        Path("./resources"), description="Folder of `fullchain.pem` and `privkey.pem` (or `key.pem`) for HTTPS."
    )
    API_TOKEN: str = Field(
        "",
        description="Secret for the routes that manage tenants. Generated on the first start.",
    )
    JWT_SECRET: str = Field("", description="Secret that signs login tokens. Generated on the first start.")
    JWT_EXPIRATIONTIME: Duration = Field("30m", description="Lifetime of a login token (`30m`, `12h`, `7d`).")
    JWT_RENEW_EXPIRATIONTIME: Duration = Field(
        "50m",
        description="Maximum age of a login token that can be renewed, expired or not.",
    )
    SESSION_EXPIRATIONTIME: Duration = Field("12h", description="Lifetime of a login in a browser.")
    SECRET_KEY: str = Field(
        "",
        description="Secret that signs browser sessions; empty: derived from `JWT_SECRET`.",
    )
    DATABASE: str = Field(
        "sqlite:///data/registry.sqlite3",
        description="`sqlite:///file`, `postgres://user:password@host/name` or `mongodb://host/name?replicaSet=rs0`.",
    )
    UPLOAD_PATH: Path = Field(Path("./uploads"), description="Folder for uploaded files.")
    UMASK: str = Field(
        "077",
        pattern=r"^0?0[0-7]{2}$",
        description="Umask of new files and folders; `027` lets the group read them, for nginx.",
    )
    STORAGE: str = Field(
        "",
        description="Object store for uploaded files instead of a folder: `s3://bucket/prefix?endpoint_url=…`, "
        "`gs://bucket/prefix` or `azure://container/prefix`.",
    )
    STORAGE_ACCESS_KEY: str = Field(
        "",
        description="Access key of the object store, for Azure the account's name; "
        "empty: the provider's default credentials.",
    )
    STORAGE_SECRET_KEY: str = Field(
        "", description="Secret key that goes with it, for Azure one of the account's keys or a SAS token."
    )
    DOWNLOADS: Literal["direct", "accel", "redirect"] = Field(
        "direct",
        description="What sends downloads: the registry (`direct`), nginx (`accel`) or the object store (`redirect`).",
    )
    MAX_UPLOAD_SIZE: Count = Field(0, description="Maximum size of an uploaded file or form in bytes; 0: no limit.")
    MAX_FILES: int = Field(100_000, ge=1, description="Maximum number of files of a version.")
    MAX_FORM_FILES: int = Field(10_000, ge=1, description="Maximum number of files that one form uploads.")
    UPLOAD_RETENTION: Duration = Field(
        "7d", description="Time in which an upload in several requests must end and become a version."
    )
    DRAFT_RETENTION_DAYS: int = Field(
        30, ge=1, description="Days after its last change that a draft which is not pinned is kept."
    )
    MAX_BODY_SIZE: int = Field(50 * 1024 * 1024, ge=1024, description="Maximum size of a JSON body in bytes.")
    MAX_HEADER_SIZE: int = Field(65536, ge=1024, description="Maximum size of a request's URL and headers in bytes.")
    MAX_JSON_DEPTH: int = Field(20, ge=5, description="Maximum nesting depth of a JSON body.")
    MAX_JSON_ELEMENTS: int = Field(1_000_000, ge=1000, description="Maximum number of names and values in a JSON body.")
    MAX_LIST_LENGTH: int = Field(
        1000, ge=1, description="Maximum number of tags, metadata, users or datasets of an item."
    )
    MAX_BULK_LENGTH: int = Field(10_000, ge=1, description="Maximum number of resources that one request creates.")
    QUERY_TIMEOUT: int = Field(5, ge=1, le=3600, description="Maximum time of the queries of one list in seconds.")
    LOG: bool = Field(True, description="Whether requests are logged for `/v1/log`.")
    LOG_RETENTION_DAYS: int = Field(90, ge=1, description="Days that the log keeps a request.")
    LOG_CONTENTS_LIMIT: Count = Field(2000, description="Characters of a request's body that the log keeps.")
    EVENT_RETENTION_DAYS: Count = Field(0, description="Days that the ledger keeps an event; 0: for ever.")
    DEFAULT_TENANT: str = Field(
        "registry-default-tenant",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Tenant created on the first start, and the tenant of logins that name none.",
    )
    DEFAULT_TENANT_DATABASE: str = Field(
        "registry-default", description="`database` of the default tenant; shown in answers, not used."
    )
    DEFAULT_TENANT_EMAIL: str = Field("", description="E-mail address of the default tenant.")
    DEFAULT_TENANT_ADMIN_USERNAME: str = Field(
        "admin", description="Username of a tenant's first administrator, unless the request names one."
    )
    DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD: str = Field(
        "",
        description="First password of the default tenant's administrator. Generated on the first start.",
    )
    DEFAULT_TENANT_PASSWORDHASH: bool = Field(
        True, description="Shown in answers, not used: passwords are always hashed."
    )
    DEFAULT_TENANT_DEMO: str = Field(
        "demo-tenant-registry",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Tenant of the demo routes and of `manage.py demo`.",
    )
    SUPERUSER_USERNAME: str = Field("superuser", description="Name of the superuser that `SUPERUSER_PASSWORD` creates.")
    SUPERUSER_PASSWORD: str = Field(
        "",
        description="First password of an admin site superuser, created at the start if missing; empty: no superuser.",
    )
    DEMO: bool = Field(False, description="Whether the demo tenant and the demo routes exist.")
    PUBLIC_TENANT_LIST: bool = Field(True, description="Whether `/v1/types/tenants` lists the ids of tenants.")
    MIN_PASSWORD_STRENGTH: int = Field(1, ge=0, le=3, description="Minimum strength of passwords, from 0 to 3.")
    DEFAULT_DAYS_VALIDITY_PASSWORD: Count = Field(0, description="Days until a new user's password expires; 0: never.")
    LOGIN_FAILURES_LIMIT: int = Field(
        10, ge=1, description="Failed logins before an account is locked for the rest of the window."
    )
    LOGIN_FAILURES_ADDRESS_LIMIT: int = Field(
        50, ge=1, description="Failed logins before an address is locked for the rest of the window."
    )
    LOGIN_FAILURES_WINDOW: int = Field(300, ge=1, description="Length of the window for failed logins in seconds.")
    TOKEN_MAX_LIFETIME: DurationOrNever = Field(
        "366d",
        description="Longest lifetime of a token for machines; `never`: no limit, and tokens without an end.",
    )
    RESET_EXPIRATIONTIME: Duration = Field("1h", description="Lifetime of a mailed password reset link.")
    PUBLIC_URL: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="URL at which clients reach the registry, used in mails; empty: `PROTOCOL`, `HOST` and the port.",
    )
    EMAIL: str = Field("noreply@localhost", description="Sender of mails, unless `SMTP_EMAIL` is set.")
    EMAIL_TAG: str = Field("", description="Prefix of mail subjects.")
    SMTP_SERVER: str = Field(
        "",
        pattern=r"^([^:\s]+(:[0-9]{1,5})?)?$",
        description="Mail server as `host` or `host:port`; empty: mails are printed to the console.",
    )
    SMTP_USERNAME: str = Field("", description="Username on the mail server.")
    SMTP_PASSWORD: str = Field("", description="Password on the mail server.")
    SMTP_EMAIL: str = Field("", description="Sender of mails.")
    SMTP_SECURITY: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="Encryption to the mail server: `starttls`, `tls` or `none`."
    )
    WORKERS: int = Field(2, ge=1, le=256, description="Number of worker processes.")
    THREADS: int = Field(
        0, ge=0, le=1024, description="Concurrent requests of each worker; 0: what suits the database."
    )
    TRANSFERS: int = Field(
        256,
        ge=1,
        le=4096,
        description="Additional requests of each worker that may wait for slow clients: uploads and downloads.",
    )
    BODY_TIMEOUT: int = Field(
        30, ge=1, description="Seconds in which a client must send the next 32 KiB of a body, or its rest."
    )
    STOP_SECONDS: int = Field(30, ge=1, description="Seconds that running requests may take when the server stops.")
    ENVIRONMENT_NAME: Literal["production", "development", "test"] = Field(
        "production", description="Kind of this server in `/v1/info`: `production`, `development` or `test`."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Precedence: the environment, files of secrets, the file of variables."""
        return init_settings, env_settings, file_secret_settings, dotenv_settings

    @field_validator("*", mode="before")
    @classmethod
    def _trim(cls, value: Any, info: ValidationInfo) -> Any:
        """Strip whitespace; a blank value means the default."""
        if not isinstance(value, str):
            return value
        return value.strip() or cls.model_fields[str(info.field_name)].default

    @property
    def secret_key(self) -> str:
        """Return the key that signs sessions, by default derived from `JWT_SECRET`."""
        return self.SECRET_KEY or hashlib.sha256(f"sessions of {self.JWT_SECRET}".encode()).hexdigest()

    @property
    def https(self) -> bool:
        """Return whether clients connect over HTTPS, directly or through a proxy."""
        return self.public_url.startswith("https:")

    @property
    def public_url(self) -> str:
        """Return the URL of the registry for clients."""
        host = "localhost" if self.HOST in ANY_HOST else self.HOST
        port = self.HTTPS_PORT if self.PROTOCOL == "https" else self.HTTP_PORT
        return (self.PUBLIC_URL or f"{self.PROTOCOL}://{f'[{host}]' if ':' in host else host}:{port}").rstrip("/")
