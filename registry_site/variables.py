"""Every variable that can be set, with its type, default and meaning.

One field is one variable, named as in the file; the table in README is made of these fields.
"""

import hashlib
import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def lifetime(text: str) -> timedelta:
    """Return the duration that `30m`, `12h` or `7d` is. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", text)
    if not match:
        raise ValueError("not a duration such as 30m, 12h or 7d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _duration(text: str) -> str:
    lifetime(text)
    return text


def listed(text: str) -> list[str]:
    """Return the parts of a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _networks(text: str) -> str:
    for network in listed(text):
        ipaddress.ip_network(network)
    return text


Duration = Annotated[str, BeforeValidator(_duration)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=0)]


class Environment(BaseSettings):
    """Every variable with its type, default and meaning."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore", env_ignore_empty=True)

    VERSION: str = Field(
        "v1",
        pattern=r"^[A-Za-z0-9._-]{1,32}$",
        description="First part of the API's paths.",
    )
    PROTOCOL: Literal["http", "https"] = Field(
        "http",
        description="`https` uses the certificate in `resources/`; without one the registry signs its own.",
    )
    HOST: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` for all.")
    HTTP_PORT: Port = Field(8084, description="Port for HTTP.")
    HTTPS_PORT: Port = Field(8443, description="Port for HTTPS.")
    HTTP_REDIRECT: bool = Field(False, description="Whether `HTTP_PORT` sends clients to HTTPS where that is served.")
    TRUSTED_PROXIES: Annotated[str, BeforeValidator(_networks)] = Field(
        "",
        description="Addresses or networks of proxies whose `X-Forwarded-For` and `-Proto` are believed, with commas.",
    )
    CORS_ORIGINS: str = Field(
        "*",
        pattern=r"^(\*|https?://[^\s/,]+(\s*,\s*https?://[^\s/,]+)*)$",
        description="Origins whose pages may call the API, with commas; `*`: all.",
    )
    HTTPSSECRET: str = Field("", description="Passphrase of the certificate's private key.")
    CERTIFICATES: Path = Field(
        Path("./resources"), description="Folder of `fullchain.pem` and `privkey.pem` (or `key.pem`) for HTTPS."
    )
    API_TOKEN: str = Field(
        "",
        description="Secret that the tenant routes ask for. Made on the first start.",
    )
    JWT_SECRET: str = Field("", description="Secret that signs login tokens. Made on the first start.")
    JWT_EXPIRATIONTIME: Duration = Field("30m", description="How long a login token is good (`30m`, `12h`, `7d`).")
    JWT_RENEW_EXPIRATIONTIME: Duration = Field(
        "50m",
        description="How old a login token, even an expired one, may be to be renewed.",
    )
    SESSION_EXPIRATIONTIME: Duration = Field("12h", description="How long a login in a browser is good.")
    SECRET_KEY: str = Field(
        "",
        description="Secret of sessions in browsers; derived from `JWT_SECRET` if empty.",
    )
    DATABASE: str = Field(
        "sqlite:///data/registry.sqlite3",
        description="`sqlite:///file`, `postgres://user:password@host/name` or `mongodb://host/name?replicaSet=rs0`.",
    )
    UPLOAD_PATH: Path = Field(Path("./uploads"), description="Folder of the uploaded files.")
    UMASK: str = Field(
        "077",
        pattern=r"^0?0[0-7]{2}$",
        description="Permissions that new files and folders are without; `027` lets the group read, for nginx.",
    )
    STORAGE: str = Field(
        "",
        description="Where uploaded files go instead, an object store: `s3://bucket/prefix?endpoint_url=…`, "
        "`gs://bucket/prefix` or `azure://container/prefix`.",
    )
    STORAGE_ACCESS_KEY: str = Field(
        "",
        description="Access key of the object store, for Azure the account's name; without keys they are looked for "
        "where the maker's own tools look.",
    )
    STORAGE_SECRET_KEY: str = Field(
        "", description="Secret key that goes with it, for Azure one of the account's keys or a SAS token."
    )
    DOWNLOADS: Literal["direct", "accel", "redirect"] = Field(
        "direct",
        description="Who sends downloaded bytes: the registry, nginx (`accel`) or the object store (`redirect`).",
    )
    MAX_UPLOAD_SIZE: Count = Field(0, description="Bytes that an uploaded file may have; 0: no limit.")
    MAX_BODY_SIZE: int = Field(50 * 1024 * 1024, ge=1024, description="Bytes that a JSON body may have.")
    MAX_HEADER_SIZE: int = Field(65536, ge=1024, description="Bytes that headers and URL of a request may have.")
    MAX_JSON_DEPTH: int = Field(20, ge=5, description="Levels that a JSON body may have.")
    MAX_JSON_ELEMENTS: int = Field(1_000_000, ge=1000, description="Names and values that a JSON body may have.")
    MAX_LIST_LENGTH: int = Field(1000, ge=1, description="Tags, metadata, users and datasets that an item may have.")
    MAX_BULK_LENGTH: int = Field(10_000, ge=1, description="Resources that one request may create.")
    QUERY_TIMEOUT: int = Field(5, ge=1, le=3600, description="Seconds that the queries of one list may take.")
    LOG: bool = Field(True, description="Whether requests are kept in the log of `/v1/log`.")
    LOG_RETENTION_DAYS: int = Field(90, ge=1, description="Days after which the log forgets a request.")
    LOG_CONTENTS_LIMIT: Count = Field(2000, description="Characters of a request's body that the log keeps.")
    DEFAULT_TENANT: str = Field(
        "registry-default-tenant",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Tenant made on the first start, and that of logins which name none.",
    )
    DEFAULT_TENANT_DATABASE: str = Field("registry-default", description="Its `database`, which is only echoed.")
    DEFAULT_TENANT_EMAIL: str = Field("", description="Its e-mail address.")
    DEFAULT_TENANT_ADMIN_USERNAME: str = Field("admin", description="First administrator of a tenant, if not named.")
    DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD: str = Field(
        "",
        description="First password of the default tenant's administrator. Made on the first start.",
    )
    DEFAULT_TENANT_PASSWORDHASH: bool = Field(True, description="Only echoed: passwords are always hashed.")
    DEFAULT_TENANT_DEMO: str = Field(
        "demo-tenant-registry",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Tenant that the demo routes work in.",
    )
    SUPERUSER_USERNAME: str = Field("superuser", description="Name of the superuser that `SUPERUSER_PASSWORD` makes.")
    SUPERUSER_PASSWORD: str = Field(
        "",
        description="First password of a superuser of the admin site, made at the start unless there; empty: none is.",
    )
    DEMO: bool = Field(False, description="Whether there is a demo tenant and demo routes.")
    PUBLIC_TENANT_LIST: bool = Field(True, description="Whether `/v1/types/tenants` lists the tenants' ids.")
    MIN_PASSWORD_STRENGTH: int = Field(1, ge=0, le=3, description="Strength a password needs, from 0 to 3.")
    DEFAULT_DAYS_VALIDITY_PASSWORD: Count = Field(0, description="Days a new user's password is good; 0: for ever.")
    LOGIN_FAILURES_LIMIT: int = Field(10, ge=1, description="Failed logins of an account before it must wait.")
    LOGIN_FAILURES_ADDRESS_LIMIT: int = Field(50, ge=1, description="Failed logins of an address before it must wait.")
    LOGIN_FAILURES_WINDOW: int = Field(300, ge=1, description="Seconds that failed logins are remembered.")
    RESET_EXPIRATIONTIME: Duration = Field("1h", description="How long a mailed reset link works.")
    PUBLIC_URL: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="Base of the links in mails; made of `PROTOCOL`, `HOST` and the port if empty.",
    )
    EMAIL: str = Field("noreply@localhost", description="Sender of mails, unless `SMTP_EMAIL` is set.")
    EMAIL_TAG: str = Field("", description="Text that mail subjects start with.")
    SMTP_SERVER: str = Field(
        "",
        pattern=r"^([^:\s]+(:[0-9]{1,5})?)?$",
        description="Mail server, as `host` or `host:port`; empty: mails go to the console.",
    )
    SMTP_USERNAME: str = Field("", description="Account on the mail server.")
    SMTP_PASSWORD: str = Field("", description="Its password.")
    SMTP_EMAIL: str = Field("", description="Sender of mails.")
    SMTP_SECURITY: Literal["starttls", "tls", "none"] = Field("starttls", description="How mails are encrypted.")
    WORKERS: int = Field(2, ge=1, le=256, description="Processes that serve.")
    THREADS: int = Field(
        0, ge=0, le=1024, description="Requests that work in each at once; 0: what suits the database."
    )
    TRANSFERS: int = Field(
        256,
        ge=1,
        le=4096,
        description="Requests that wait for their clients, in each, besides: slow uploads and downloads.",
    )
    BODY_TIMEOUT: int = Field(
        30, ge=1, description="Seconds in which a client must send the next 32 KiB of a body, or its rest."
    )
    STOP_SECONDS: int = Field(30, ge=1, description="Seconds that running requests have to end when the server stops.")
    ENVIRONMENT_NAME: Literal["production", "development", "test"] = Field(
        "production", description="What `/v1/info` calls this server."
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
        """The environment comes first, then files of secrets, then the file of variables."""
        return init_settings, env_settings, file_secret_settings, dotenv_settings

    @field_validator("*", mode="before")
    @classmethod
    def _trim(cls, value: Any, info: ValidationInfo) -> Any:
        """Stray blanks mean nothing, and a value of nothing else is none."""
        if not isinstance(value, str):
            return value
        return value.strip() or cls.model_fields[str(info.field_name)].default

    @property
    def secret_key(self) -> str:
        """Return the key of sessions, which changes with `JWT_SECRET` unless given."""
        return self.SECRET_KEY or hashlib.sha256(f"sessions of {self.JWT_SECRET}".encode()).hexdigest()

    @property
    def https(self) -> bool:
        """Return whether clients reach the registry through HTTPS, be it through a proxy."""
        return self.public_url.startswith("https:")

    @property
    def public_url(self) -> str:
        """Return where the registry is reached from outside, as far as is known."""
        host = "localhost" if self.HOST in ANY_HOST else self.HOST
        port = self.HTTPS_PORT if self.PROTOCOL == "https" else self.HTTP_PORT
        return (self.PUBLIC_URL or f"{self.PROTOCOL}://{f'[{host}]' if ':' in host else host}:{port}").rstrip("/")
