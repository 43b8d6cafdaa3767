"""What the application server calls."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from registry_site.body import WholeBody
from registry_site.static import StaticFiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")

# What proxies tell of the client is believed of those alone that the operator trusts.
application = wrap_wsgi_with_proxy_headers(WholeBody(StaticFiles(get_wsgi_application())), settings.TRUSTED_PROXIES)
