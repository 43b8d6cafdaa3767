"""Writes of the curator's desk: which words are suggested, and which of several words stays.

Whatever interrupts a merge loses nothing: items have one of the words and both words are known, until a repetition
does the rest.
"""

from collections.abc import Sequence

from catalog.services import replace_term
from folksonomy.models import MetadataName, Tag
from folksonomy.services import T, delete_term, set_term_usage, suggest_term
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.fences import reference_guard
from tenants.rows.texts import refuse, unfit_name
from tenants.rows.transactions import retried


def suggest_terms(model: type[T], *, names: Sequence[str], by: User) -> list[T]:
    """Make `default` terms and return them; those that are default ones already stay as they are.

    Raises Refused (`post_request_error`), before any is made, for a text that cannot be a name.
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
def set_usage(*, term: Tag | MetadataName, usage: str) -> None:
    """Make a term a `default` or a `folk` one."""
    set_term_usage(term, usage)


def merge_term(*, term: T, into: T) -> int:
    """Give every item that has the term the other one in its place, and forget the term.

    An item that has both keeps one, and of two metadata values that of `into`. Returns the number of changed items.
    Raises Refused (`put_request_error`) for terms of two tenants, and where people keep using the term.
    """
    if term.tenant_id != into.tenant_id or term.pk == into.pk:
        raise Refused("put_request_error", f"{term} and {into} cannot become one")
    changed = replace_term(term=term, name=into.name)
    delete_term(term=term)
    return changed


def rename_term(*, term: T, name: str) -> tuple[T, int]:
    """Call the term by another name, in all items too; where there is such a term the two become one.

    Returns the term of that name and the number of changed items.
    Raises Refused (`put_request_error`) for a text that cannot be a name.
    """
    if name == term.name:
        return term, 0
    refuse([name], unfit_name, "put_request_error")
    renamed = _namesake(term=term, name=name)
    return renamed, merge_term(term=term, into=renamed)


@retried
def _namesake(*, term: T, name: str) -> T:
    """Return the term of that name, made like `term` where there is none."""
    with reference_guard(term.tenant_id):
        found: T | None = type(term).objects.of(term.tenant_id).filter(name=name).first()
        if found is None:
            found = type(term)(tenant_id=term.tenant_id, name=name, usage=term.usage, owner_id=term.owner_id)
            found.timestamp = term.timestamp
            found.save(force_insert=True)
    return found


def delete_if_unused(*, term: Tag | MetadataName) -> bool:
    """Remove the term and return True, unless something uses it."""
    try:
        delete_term(term=term)
    except Refused:
        return False
    return True
