"""A Django view that returns a constant: the upper limit for applications on the same server."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import re_path

BODY = b'{"answer": "' + b"x" * 2000 + b'"}'


def constant(request: HttpRequest) -> HttpResponse:
    return HttpResponse(BODY, content_type="application/json")


settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="none", LOGGING_CONFIG=None)
urlpatterns = [re_path("", constant)]
application = get_wsgi_application()
