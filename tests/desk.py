"""A superuser at the admin site."""

import re
from html import unescape
from typing import Any

from django.test import Client

from tenants.models import User

SUPERUSER, PASSWORD = "root", "Superuser1!"
MESSAGE = re.compile(r'<li class="(?:success|error|warning)">(.*?)</li>', re.DOTALL)
ERRORS = re.compile(r'<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', re.DOTALL)


class Desk:
    """Sends what a superuser's browser would; paths are relative to `/admin/`."""

    def __init__(self) -> None:
        self.user = User.objects.create_superuser(SUPERUSER, PASSWORD)
        self.client = Client(raise_request_exception=False)
        self.client.force_login(self.user)

    def get(self, path: str = "", **query: Any) -> Any:
        return self.client.get(f"/admin/{path}", query)

    def post(self, path: str, **data: Any) -> Any:
        return self.client.post(f"/admin/{path}", data, follow=True)

    def act(self, model: str, action: str, rows: list[Any], **data: Any) -> Any:
        """Run an action of a list on these rows."""
        return self.post(f"{model}/", action=action, _selected_action=[row.pk for row in rows], **data)


def text_of(response: Any) -> str:
    """Return the text of a page; fail if the response is none."""
    assert response.status_code == 200, (response.status_code, response.content[:500])
    return unescape(response.content.decode())


def messages(response: Any) -> str:
    """Return what the site tells the user above the page."""
    return "\n".join(MESSAGE.findall(text_of(response)))


def errors(response: Any) -> str:
    """Return the errors of a form."""
    return "\n".join(ERRORS.findall(text_of(response)))
