"""The WSGI application."""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from registry_site.serving.body import RequestBodyMiddleware
from registry_site.serving.headers import BoundedRequest
from registry_site.serving.static_files import StaticFiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
django.setup(set_prefix=False)


class Handler(WSGIHandler):
    """Django's handler with a limit on headers before they are parsed."""

    request_class = BoundedRequest


# `X-Forwarded-*` headers are accepted from trusted proxies only.
application = wrap_wsgi_with_proxy_headers(RequestBodyMiddleware(StaticFiles(Handler())), settings.TRUSTED_PROXIES)
