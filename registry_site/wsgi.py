"""What the application server calls."""

import os

from django.core.wsgi import get_wsgi_application

from registry_site.body import WholeBody

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")

application = WholeBody(get_wsgi_application())
