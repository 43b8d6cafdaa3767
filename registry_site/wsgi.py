"""What the application server calls."""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from registry_site.serving.body import WholeBody
from registry_site.serving.headers import BoundedRequest
from registry_site.serving.static_files import StaticFiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
django.setup(set_prefix=False)


class Handler(WSGIHandler):
    """Django's handler, for requests whose headers are bounded before they are parsed."""

    request_class = BoundedRequest


# What proxies tell of the client is believed of those alone that the operator trusts.
application = wrap_wsgi_with_proxy_headers(WholeBody(StaticFiles(Handler())), settings.TRUSTED_PROXIES)
