"""All routes. A trailing slash is optional: a middleware removes it."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, include, path, re_path

from catalog.aliases.protection_viewsets import ProposalViewSet, ProtectionViewSet
from catalog.aliases.viewsets import AliasHistory, AliasHolders, AliasViewSet
from catalog.compare.viewsets import CompareViewSet
from catalog.draft_viewsets import DraftViewSet
from catalog.duplicate_viewsets import DuplicateMetadataNames, DuplicateTags
from catalog.event_viewsets import ITEM_EVENTS, VERSION_EVENTS, EventViewSet
from catalog.merges.viewsets import MetadataNameMerges, TagMerges, UndoViewSet
from catalog.saved.viewsets import SavedViewViewSet
from catalog.suggestions import MetadataNameSuggestions, TagSuggestions
from catalog.uploads import UploadViewSet
from catalog.version_viewsets import ENDINGS, AlgorithmVersions, DatasetVersions, ModelVersions
from catalog.viewsets import AlgorithmViewSet, DatasetViewSet, ModelViewSet
from folksonomy.viewsets import MetadataNameViewSet, TagViewSet
from registry_site.api import about, enumerations
from registry_site.api.errors import method_not_allowed
from registry_site.pages import landing
from registry_site.pages.curating import words_page
from registry_site.pages.login import forgot_page, login_page, logout_page
from registry_site.pages.site import theme_page
from tenants.identity.token_routes import TokenViewSet
from tenants.identity.viewsets import LoginViewSet, SelfViewSet, TenantViewSet, UserViewSet
from tenants.log.viewsets import LogViewSet

handler400 = "registry_site.api.errors.bad_request"
handler403 = "registry_site.api.errors.forbidden"
handler404 = "registry_site.api.errors.not_found"
handler500 = "registry_site.api.errors.server_error"

LIST: Any = {"get": "list", "post": "create"}
DETAIL: Any = {"get": "retrieve", "put": "update", "delete": "destroy"}
READ_ONLY: Any = {"get": "retrieve"}
DECISIONS = ("approve", "reject", "withdraw")  # about a proposal


def collection(name: str, viewset: Any, detail: dict[str, str] | None = None) -> Sequence[URLPattern]:
    """Return the routes of a collection and of one of its resources. An id may contain slashes."""
    prefix = f"{settings.VERSION}/{name}"
    return (
        path(prefix, viewset.as_view(LIST), name=f"{name}-list"),
        re_path(rf"^{prefix}/(?P<pk>.+)$", viewset.as_view(detail or DETAIL), name=f"{name}-detail"),
    )


ONE_VERSION: Any = {"get": "retrieve", "put": "stream", "patch": "change", "delete": "destroy"}


def versions(name: str, viewset: Any) -> Sequence[URLPattern]:
    """Return the routes of the versions of a kind of item.

    A version's name may contain slashes, and so end like the URL of a part of a version: all routes know all methods.
    """
    prefix = f"{settings.VERSION}/{name}/<pk>/versions"
    parts = [
        path(
            f"{prefix}/<path:version>/{end}",
            viewset.as_view(ONE_VERSION | {"get": part}),
            name=f"{name}-versions-{part}",
        )
        for part, end in ENDINGS.items()
    ]
    return (
        path(prefix, viewset.as_view(LIST), name=f"{name}-versions-list"),
        *parts,
        path(f"{prefix}/<path:version>", viewset.as_view(ONE_VERSION), name=f"{name}-versions-detail"),
    )


def aliases(name: str, kind: str) -> Sequence[URLPattern]:
    """Return the routes of the aliases of a kind of item."""
    prefix, of = f"{settings.VERSION}/{name}/<pk>/aliases", {"collection": name, "kind": kind}
    proposals = f"{prefix}/<alias>/proposals"
    return (
        path(prefix, AliasViewSet.as_view({"get": "list"}, **of), name=f"{name}-aliases-list"),
        path(f"{prefix}/<alias>", AliasViewSet.as_view(DETAIL, **of), name=f"{name}-aliases-detail"),
        path(f"{prefix}/<alias>/history", AliasHistory.as_view({"get": "list"}, **of), name=f"{name}-aliases-history"),
        path(proposals, ProposalViewSet.as_view(LIST, **of), name=f"{name}-proposals-list"),
        path(f"{proposals}/<proposal>", ProposalViewSet.as_view(READ_ONLY, **of), name=f"{name}-proposals-detail"),
        *(
            path(
                f"{proposals}/<proposal>/{verb}",
                ProposalViewSet.as_view({"post": verb}, **of),
                name=f"{name}-proposals-{verb}",
            )
            for verb in DECISIONS
        ),
    )


def events(name: str) -> Sequence[URLPattern]:
    """Return the routes of the events of a kind of item and of its versions."""
    prefix, read = f"{settings.VERSION}/{name}/<pk>", cast(Any, {"get": "list"})
    of_version = VERSION_EVENTS[name].as_view(ONE_VERSION | {"get": "list"})
    return (
        path(f"{prefix}/events", ITEM_EVENTS[name].as_view(read), name=f"{name}-events"),
        path(f"{prefix}/versions/<path:version>/events", of_version, name=f"{name}-versions-events"),
    )


def single(route: str, viewset: Any, actions: dict[str, str] | None = None) -> URLPattern:
    """Return the route of a single resource."""
    return path(f"{settings.VERSION}/{route}", viewset.as_view(actions or READ_ONLY), name=route)


def page(
    view: Callable[..., HttpResponseBase], methods: Sequence[str] = ("GET", "HEAD")
) -> Callable[..., HttpResponseBase]:
    """Return a view that accepts these methods and answers 405 to others."""

    @wraps(view)
    def readable(request: HttpRequest) -> HttpResponseBase:
        return view(request) if request.method in methods else method_not_allowed(request, methods)

    readable.methods = methods  # type: ignore[attr-defined]
    return readable


LOGIN_ACTIONS: Any = {"post": "create", "put": "renew"}
LOGIN = LoginViewSet.as_view(LOGIN_ACTIONS)
UPLOADS: Any = LIST | {"options": "capabilities"}
UPLOAD: Any = {"get": "retrieve", "patch": "append", "post": "override", "delete": "destroy"} | {
    "options": "capabilities"
}
MERGES = {"get": "preview", "post": "merge"}
DUPLICATES = {"get": "duplicates", "post": "dismiss"}

urlpatterns = [  # the most frequent first, because they are tried in their order
    *events("models"),
    *versions("models", ModelVersions),
    *aliases("models", "model"),
    *collection("models", ModelViewSet),
    path(f"{settings.VERSION}/login", LOGIN, name="login"),
    single("version", about.VersionViewSet),
    *events("datasets"),
    *events("algorithms"),
    *versions("datasets", DatasetVersions),
    *versions("algorithms", AlgorithmVersions),
    *aliases("datasets", "dataset"),
    *aliases("algorithms", "algorithm"),
    path(f"{settings.VERSION}/aliases/<alias>", AliasHolders.as_view({"get": "list"}), name="holders-list"),
    *collection("datasets", DatasetViewSet),
    *collection("algorithms", AlgorithmViewSet),
    *collection("protection", ProtectionViewSet),
    *collection("views", SavedViewViewSet),
    *collection("tags", TagViewSet),
    *collection("metadata", MetadataNameViewSet),
    single("duplicates/tags", DuplicateTags, DUPLICATES),
    single("duplicates/metadata", DuplicateMetadataNames, DUPLICATES),
    single("suggestions/tags", TagSuggestions, {"get": "suggest"}),
    single("suggestions/metadata", MetadataNameSuggestions, {"get": "suggest"}),
    single("merges/tags", TagMerges, MERGES),
    single("merges/metadata", MetadataNameMerges, MERGES),
    path(f"{settings.VERSION}/uploads", UploadViewSet.as_view(UPLOADS), name="uploads-list"),
    path(f"{settings.VERSION}/uploads/<pk>", UploadViewSet.as_view(UPLOAD), name="uploads-detail"),
    path(f"{settings.VERSION}/drafts", DraftViewSet.as_view({"get": "list"}), name="drafts-list"),
    path(f"{settings.VERSION}/drafts/<pk>", DraftViewSet.as_view(DETAIL), name="drafts-detail"),
    path(f"{settings.VERSION}/drafts/<pk>/publish", DraftViewSet.as_view({"post": "publish"}), name="drafts-publish"),
    *collection("users", UserViewSet),
    *collection("tokens", TokenViewSet, {"get": "retrieve", "delete": "destroy"}),
    *collection("tenants", TenantViewSet),
    path("login", LOGIN, name="login-alias"),
    single("self/reset", SelfViewSet, {"post": "mail"}),
    single("self", SelfViewSet, {"put": "reset"}),
    single("compare", CompareViewSet, {"get": "compare"}),
    single("events", EventViewSet, {"get": "list"}),
    path(f"{settings.VERSION}/events/<pk>/undo", UndoViewSet.as_view({"post": "undo"}), name="events-undo"),
    single("log", LogViewSet, {"get": "list"}),
    single("errors", about.ErrorsViewSet),
    single("types", enumerations.TypesViewSet),
    single("types/passwordStrength", enumerations.TypesViewSet, {"get": "password_strength"}),
    single("types/tenants", enumerations.TenantIdsViewSet, {"get": "list"}),
    single("info", about.InfoViewSet),
    single("demo", about.DemoViewSet, {"get": "retrieve", "post": "create", "delete": "destroy"}),
    single("docs", about.DocsViewSet),
    path("", page(landing.landing), name="landing-page"),
    path(settings.VERSION, page(landing.to_docs), name="prefix-page"),
    path("docs.html", page(landing.docs), name="docs-page"),
    path("reset.html", page(about.reset_page), name="reset-page"),
    path("login.html", page(login_page, ("GET", "HEAD", "POST")), name="login-page"),
    path("forgot.html", page(forgot_page, ("GET", "HEAD", "POST")), name="forgot-page"),
    path("words.html", page(words_page, ("POST",)), name="words-page"),
    path("theme.html", page(theme_page, ("POST",)), name="theme-page"),
    path("logout.html", page(logout_page, ("POST",)), name="logout-page"),
    path("healthz", about.HealthViewSet.as_view(READ_ONLY), name="healthz"),
    path("admin/", admin.site.urls),
    path("", include("registry_site.dialects.mlflow.urls")),
]
