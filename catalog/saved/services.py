"""Writes: saved views."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from catalog.query_fields import DATASET_FIELDS, ITEM_FIELDS
from catalog.saved.models import SavedView
from tenants.exceptions import Refused
from tenants.ledger import Subject, created, deleted, record
from tenants.models import User
from tenants.rest.querying.fields import field_table
from tenants.rest.querying.parse import parse
from tenants.rest.querying.query import sort_keys
from tenants.rest.querying.terms import condition_of, terms_of
from tenants.rows.fences import reference_guard
from tenants.rows.fields import iso, now
from tenants.rows.texts import refuse, unfit_title
from tenants.rows.transactions import retried

MOST = 100  # views of a user
PARAMETERS = ("q", "filter", "sort", "limit", "columns", "select")
COLUMNS = ("name", "query", "shared")


@retried
def create_view(*, by: User, name: str, list: str, query: str = "", shared: bool = False) -> SavedView:
    """Save a search of a list. Raises Refused (`post_request_error`) for a taken or invalid name or query."""
    view = SavedView(tenant_id=by.tenant_id, owner=by, list=list, name=name, query=query, shared=shared)
    # Writers that change no items share one fence row, so creations of a tenant are serialized and the count is right.
    with reference_guard(by.tenant_id, by, changes_items=False):
        _refuse_invalid(view, "post_request_error")
        if SavedView.objects.of(by.tenant_id).filter(owner=by).count() >= MOST:
            raise Refused("post_request_error", f"A user has at most {MOST} views")
        view.lastmod = view.timestamp
        view.save(force_insert=True)
        _record(view, "created", by, created(_state(view)))
    return view


@retried
def change_view(*, view: SavedView, by: User, fields: Mapping[str, Any]) -> SavedView:
    """Change a view of one's own. Raises Refused as `create_view` does, and if another user owns it."""
    with reference_guard(view.tenant_id, by, changes_items=False):
        view = _current(view)
        refuse_other(view, by)
        before = _state(view)
        for field, value in fields.items():
            setattr(view, field, value)
        _refuse_invalid(view, "put_request_error")
        view.lastmod = now()
        view.save(update_fields=[*COLUMNS, "lastmod"])
        _record(view, "updated", by, {field: [before[field], value] for field, value in _state(view).items()})
    return view


@retried
def delete_view(*, view: SavedView, by: User | None) -> None:
    """Delete a view of one's own; administrators delete any. Raises Refused for others, and if it is gone."""
    with reference_guard(view.tenant_id, changes_items=False):
        view = _current(view)
        if by is not None and by.pk != view.owner_id and not by.is_admin:
            raise Refused("restricted_access_delete", "Only its owner and administrators delete a view")
        _record(view, "deleted", by, deleted(_state(view)))
        SavedView.objects.filter(pk=view.pk).delete()


def delete_views_of(*, user: User, by: User | None) -> None:
    """Delete all views of a user who is being deleted."""
    for view in SavedView.objects.of(user.tenant_id).filter(owner=user):
        delete_view(view=view, by=by if by is not None and by.is_admin else None)


def refuse_other(view: SavedView, user: User) -> None:
    """Raise Refused (`restricted_access_modify`) unless the user owns the view."""
    if view.owner_id != user.pk:
        raise Refused("restricted_access_modify", "Only its owner changes a view")


def _current(view: SavedView) -> SavedView:
    current = SavedView.objects.of(view.tenant_id).filter(pk=view.pk).first()
    if current is None:
        raise Refused("resource_not_found", f"No such resource: {view.pk}")
    return current


def _refuse_invalid(view: SavedView, error: str) -> None:
    refuse([view.name], unfit_title, error)
    try:
        _check(view)
    except (Refused, ValueError) as reason:
        raise Refused(error, f"query: {getattr(reason, 'details', reason)}") from None
    same = SavedView.objects.of(view.tenant_id).filter(owner_id=view.owner_id, list=view.list, name=view.name)
    if same.exclude(pk=view.pk).exists():
        raise Refused(error, f"You have a view of this name already ({view.name})")


def _check(view: SavedView) -> None:
    """Raise Refused or ValueError if the query is none of the list."""
    pairs = parse_qsl(view.query, keep_blank_values=True, strict_parsing=bool(view.query), errors="strict")
    given = dict(pairs)
    if unknown := [name for name, _ in pairs if name not in PARAMETERS]:
        raise ValueError(f"{unknown[0][:100]} is no part of a view; {', '.join(PARAMETERS)} are")
    fields = field_table(DATASET_FIELDS if view.list == "datasets" else ITEM_FIELDS)
    parse(given.get("filter", ""), fields)
    parse(json.dumps(condition_of(terms_of(given.get("q", ""), fields))), fields)
    sort_keys(given.get("sort", ""), fields)


def _state(view: SavedView) -> dict[str, Any]:
    """Return what events tell about a view."""
    return {column: getattr(view, column) for column in COLUMNS} | {"list": view.list, "lastmod": iso(view.lastmod)}


def _record(view: SavedView, verb: str, by: User | None, changes: Any) -> None:
    about = Subject(str(view.pk), "view", view.name)
    record(tenant=view.tenant_id, type=f"view.{verb}", actor=by, item=about, changes=changes)
