"""The WSGI application."""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from registry_site.serving.body import RequestBodyMiddleware
from registry_site.serving.headers import BoundedRequest
from registry_site.serving.slots import disconnect_signals
from registry_site.serving.static_files import StaticFiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
django.setup(set_prefix=False)
disconnect_signals()


class Handler(WSGIHandler):
    """Django's handler with a limit on headers before they are parsed."""

    request_class = BoundedRequest


application = RequestBodyMiddleware(StaticFiles(Handler()))
if settings.TRUSTED_PROXIES:  # `X-Forwarded-*` headers are accepted from them only
    application = wrap_wsgi_with_proxy_headers(application, settings.TRUSTED_PROXIES)
