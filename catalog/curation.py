"""Writes for curating tags and metadata names: suggest, merge, rename, delete.

An interrupted merge loses nothing: every item has one of the two words and both words exist. Running the merge again
completes it.
"""

from collections.abc import Sequence

from catalog.services import replace_term
from folksonomy.models import MetadataName, Tag
from folksonomy.services import T, delete_term, record_terms, set_term_usage, suggest_term
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.fences import reference_guard
from tenants.rows.texts import refuse, unfit_name
from tenants.rows.transactions import retried


def suggest_terms(model: type[T], *, names: Sequence[str], by: User) -> list[T]:
    """Create or promote `default` terms and return them; terms that are already default are skipped.

    Raises Refused (`post_request_error`) for an invalid name, before any term is created.
    """
    refuse(names, unfit_name, "post_request_error")
    made = []
    for name in names:
        try:
            made.append(suggest_term(model, name=name, by=by))
        except Refused:
            continue
    return made


@retried
def set_usage(*, term: Tag | MetadataName, usage: str, by: User | None) -> None:
    """Set the usage of a term: `default` or `folk`."""
    set_term_usage(term, usage, by)


def merge_term(*, term: T, into: T, by: User | None, verb: str = "merged") -> int:
    """Replace the term by `into` in every item, then delete the term.

    An item that has both keeps one; of two metadata values it keeps the value of `into`. Returns the number of changed
    items. Raises Refused (`put_request_error`) for terms of two tenants, and if the term is still in use afterwards.
    """
    if term.tenant_id != into.tenant_id or term.pk == into.pk:
        raise Refused("put_request_error", f"{term} and {into} cannot become one")
    changed = replace_term(term=term, name=into.name, by=by)
    delete_term(term=term, by=by, verb=verb, into=into.name)
    return changed


def rename_term(*, term: T, name: str, by: User | None) -> tuple[T, int]:
    """Rename the term in the folksonomy and in all items; merge it if a term of that name exists.

    Returns the term of that name and the number of changed items.
    Raises Refused (`put_request_error`) for an invalid name.
    """
    if name == term.name:
        return term, 0
    refuse([name], unfit_name, "put_request_error")
    renamed = _get_or_copy(term=term, name=name, by=by)
    return renamed, merge_term(term=term, into=renamed, by=by, verb="renamed")


@retried
def _get_or_copy(*, term: T, name: str, by: User | None) -> T:
    """Return the term of that name; create it as a copy of `term` if it does not exist."""
    with reference_guard(term.tenant_id):
        found: T | None = type(term).objects.of(term.tenant_id).filter(name=name).first()
        if found is None:
            found = type(term)(tenant_id=term.tenant_id, name=name, usage=term.usage, owner_id=term.owner_id)
            found.timestamp = term.timestamp
            found.save(force_insert=True)
            record_terms([found], "created", by)
    return found


def delete_if_unused(*, term: Tag | MetadataName, by: User | None) -> bool:
    """Delete the term and return True, or return False if an item uses it."""
    try:
        delete_term(term=term, by=by)
    except Refused:
        return False
    return True
