"""An API client for one user."""

import json as jsonlib
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework.test import APIClient as Client

from tenants.identity.authentication import issue_token
from tenants.models import User

ABSENT: Any = object()


class ApiResponse:
    """A response."""

    def __init__(self, response: HttpResponseBase) -> None:
        self.response = response
        self.status_code: int = response.status_code
        self.headers = response.headers

    def body(self) -> bytes:
        """Return the body, also of a streamed response."""
        if not hasattr(self, "_body"):
            streamed = isinstance(self.response, StreamingHttpResponse) or self.response.streaming
            self._body = b"".join(self.response) if streamed else self.response.content  # type: ignore[attr-defined]
        return self._body

    def json(self) -> Any:
        """Return the JSON."""
        return jsonlib.loads(self.body())

    def __repr__(self) -> str:
        return f"<{self.status_code} {self.body()[:300]!r}>"


class ApiClient:
    """Sends requests with one user's token; paths are relative to the API's prefix unless they start with `/`."""

    def __init__(self, token: str = "", *, user: User | None = None) -> None:  # a user whom nobody changes
        self.client = Client(raise_request_exception=False)
        self.user = user
        if user is None:
            self.token = token

    @cached_property
    def token(self) -> str:
        """The token; a user's is signed for its first request, because most users of most tests send none."""
        assert self.user is not None, "a client has a token or a user"
        return issue_token(self.user)

    def request(
        self, method: str, path: str, *, json: Any = ABSENT, query: dict[str, Any] | None = None, **options: Any
    ) -> ApiResponse:
        """Send a request. `json` is the body; `data` with `format="multipart"` is a form; `headers` are added.

        Values of `query` that are no text are sent as JSON.
        """
        headers = ({"Authorization": self.token} if self.token else {}) | options.pop("headers", {})
        if json is not ABSENT:
            options |= {"data": jsonlib.dumps(json), "content_type": "application/json"}
        if query:
            texts = {key: value if isinstance(value, str) else jsonlib.dumps(value) for key, value in query.items()}
            options["query_params"] = texts
        target = path if path.startswith("/") else f"/{settings.VERSION}/{path}"
        send = getattr(self.client, method)
        return ApiResponse(send(target, headers=headers, **options))

    def get(self, path: str, **options: Any) -> ApiResponse:
        return self.request("get", path, **options)

    def head(self, path: str, **options: Any) -> ApiResponse:
        return self.request("head", path, **options)

    def post(self, path: str, **options: Any) -> ApiResponse:
        return self.request("post", path, **options)

    def put(self, path: str, **options: Any) -> ApiResponse:
        return self.request("put", path, **options)

    def patch(self, path: str, **options: Any) -> ApiResponse:
        return self.request("patch", path, **options)

    def delete(self, path: str, **options: Any) -> ApiResponse:
        return self.request("delete", path, **options)

    def upload(
        self,
        path: str,
        name: str,
        content: bytes,
        *,
        content_type: str = "",
        fields: dict[str, str] | None = None,
        **options: Any,
    ) -> ApiResponse:
        """Post a form with one `file`, after its other fields."""
        boundary = "boundary-of-the-tests"
        texts = (fields or {}).items()
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n' for field, text in texts
        )
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        if content_type:
            head += f"Content-Type: {content_type}\r\n"
        data = head.encode() + b"\r\n" + content + f"\r\n--{boundary}--\r\n".encode()
        return self.post(path, data=data, content_type=f"multipart/form-data; boundary={boundary}", **options)


class BrowserClient(ApiClient):
    """Sends requests as the pages in a logged-in browser do: with cookies and the pages' CSRF token."""

    def __init__(self, tenant: str = "", username: str = "", password: str = "") -> None:
        super().__init__()
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=True)
        if username:
            answer = self.log_in(tenant, username, password)
            assert answer.status_code == 302, answer

    @property
    def csrf_token(self) -> str:
        """The pages' CSRF token, which is also in the cookie."""
        return self.client.cookies["csrftoken"].value if "csrftoken" in self.client.cookies else ""

    def log_in(self, tenant: str, username: str, password: str, **more: str) -> ApiResponse:
        """Open the page and send its form."""
        self.page("/login.html")
        return self.submit("/login.html", tenant=tenant, username=username, password=password, **more)

    def submit(self, path: str, **fields: Any) -> ApiResponse:
        """Send a form of a page."""
        data = {"csrfmiddlewaretoken": self.csrf_token} | fields
        return ApiResponse(self.client.post(path, data, format="multipart", headers={"Accept": "text/html"}))

    def page(self, path: str, **options: Any) -> ApiResponse:
        """Get a page with the headers of a browser."""
        accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
        return self.get(path, headers={"Accept": accept}, **options)

    def request(self, method: str, path: str, **options: Any) -> ApiResponse:
        headers = {"X-CSRFToken": self.csrf_token} | options.pop("headers", {})
        return super().request(method, path, headers=headers, **options)
