"""The forms that curate words: merge, dismiss, rename, describe and undo. They work without JavaScript."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from rest_framework.exceptions import APIException

from catalog.curation import merge_term, rename_term
from catalog.merges.models import Merge
from catalog.merges.preview import Preview, preview_merge
from catalog.merges.undo import undo_merge
from folksonomy.dismissals import dismiss, propose_again
from folksonomy.models import DIRECTIONS, MetadataName, Tag
from folksonomy.services import change_term
from registry_site.api.errors import error_name, error_response
from registry_site.pages.site import known_user, own_address, site_context
from registry_site.pages.words import MODELS, address_of_word
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rest.collections import explain

MOST_MERGED = 100  # words in one form
Term = Tag | MetadataName
Form = Mapping[str, Any]


def words_page(request: HttpRequest) -> HttpResponse:
    """Do what a form of the curator's desk asks for, and return to the page that the form names."""
    caller = known_user(request)
    if caller is None:
        response = error_response(request, "authentication_error", "Log in to curate words")
        response["WWW-Authenticate"] = 'Bearer realm="registry"'
        return response
    if not caller.is_admin:
        return error_response(request, "only_administrator", "Only administrators curate words")
    action = ACTIONS.get(request.POST.get("action", ""))
    try:
        if any("\0" in text for _, texts in request.POST.lists() for text in texts):
            raise Refused("post_request_error", "Words have no null characters")
        if action is None:
            raise Refused("post_request_error", f"The action is one of {', '.join(ACTIONS)}")
        return action(request, caller)
    except APIException as error:
        return error_response(request, error_name(error, "POST") or "post_request_error", explain(error))


def _model(request: HttpRequest) -> tuple[str, type[Term]]:
    """Return the route of the words, and their model."""
    route = request.POST.get("of", "")
    if route not in MODELS:
        raise Refused("post_request_error", f"The words are {' or '.join(MODELS)}")
    return route, MODELS[route]


def _term(request: HttpRequest, caller: User, name: str) -> Any:
    found = _model(request)[1].objects.of(caller.tenant_id).filter(name=name).first()
    if found is None:
        raise Refused("resource_not_found", f"There is no such word: {name[:255]}")
    return found


def _back(request: HttpRequest, word: Term) -> HttpResponse:
    """Return the redirection to the page that the form names, or else to the page of the word."""
    route = next(route for route, model in MODELS.items() if isinstance(word, model))
    return _to(request, address_of_word(route, word.name))


def _to(request: HttpRequest, default: str) -> HttpResponse:
    """Return the redirection to the page that the form names, or else to the default."""
    response = HttpResponse(status=303)
    response["Location"] = own_address(request.POST.get("next", ""), default)
    return response


# --- Merge and rename -----------------------------------------------------------------------------------------------
def _merge(request: HttpRequest, caller: User) -> HttpResponse:
    """Merge words into one. A merge that loses values first asks for their number."""
    into = _term(request, caller, request.POST.get("into", ""))
    words = [name for name in dict.fromkeys(request.POST.getlist("word")) if name != into.name]
    if not 0 < len(words) <= MOST_MERGED:
        raise Refused("post_request_error", f"Choose 1 to {MOST_MERGED} words other than “{into.name}”")
    typed = request.POST.get("values_lost")  # of the first word
    for place, name in enumerate(words):
        term = _term(request, caller, name)
        preview = preview_merge(term=term, name=into.name)
        if preview.values_lost and typed != str(preview.values_lost):
            return _ask(request, into.name, words[place:], preview, wrong=typed is not None)
        merge = merge_term(term=term, into=into, by=caller, values_lost=preview.values_lost)
        messages.success(request, f"Merged “{name}” into “{into.name}”{_in_items(merge)}")
        typed = None
    return _back(request, into)


def _ask(request: HttpRequest, into: str, words: list[str], preview: Preview, *, wrong: bool) -> HttpResponse:
    """Show which values the merge of the first word would lose, and ask for their number."""
    context = {
        "of": _model(request)[0],
        "word": words[0],
        "words": words,
        "into": into,
        "preview": preview,
        "wrong": wrong,
        "next": own_address(request.POST.get("next", ""), ""),
        "cancel": own_address(request.POST.get("next", ""), address_of_word(_model(request)[0], into)),
    }
    status = 400 if wrong else 200
    response = render(request, "browsable/lossy.html", site_context(request) | context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _rename(request: HttpRequest, caller: User) -> HttpResponse:
    """Rename a word; a name that exists already is a merge."""
    term, name = _term(request, caller, request.POST.get("word", "")), request.POST.get("name", "").strip()
    if type(term).objects.of(caller.tenant_id).filter(name=name).exclude(pk=term.pk).exists():
        raise Refused("post_request_error", f"“{name}” is a word already: merge “{term.name}” into it")
    old = term.name
    renamed, merge = rename_term(term=term, name=name, by=caller, values_lost=0)
    messages.success(request, f"Renamed “{old}” to “{renamed.name}”{_in_items(merge)}")
    return _back(request, renamed)


def _in_items(merge: Merge) -> str:
    return f" in {merge.items} item{'' if merge.items == 1 else 's'}."


def _undo(request: HttpRequest, caller: User) -> HttpResponse:
    """Undo a merge or rename."""
    undone = undo_merge(event_id=request.POST.get("event", ""), by=caller)
    text = f"“{undone.word.name}” is a word again, in {undone.items} item{'' if undone.items == 1 else 's'}."
    messages.success(request, text + (f" {undone.skipped} changed since and stay as they are." * bool(undone.skipped)))
    return _back(request, undone.word)


def _dismiss(request: HttpRequest, caller: User, *, takes_back: bool = False) -> HttpResponse:
    """Note that words are no duplicates of each other, or take that back."""
    route, model = _model(request)
    words, change = request.POST.getlist("word"), propose_again if takes_back else dismiss
    change(model, caller.tenant_id or "", words, by=caller)
    done = "Can be proposed again" if takes_back else "No longer proposed as duplicates"
    messages.success(request, f"{done}: {', '.join(sorted(set(words)))}.")
    return _to(request, reverse(f"duplicates/{route}"))


# --- Description ----------------------------------------------------------------------------------------------------
def _describe(request: HttpRequest, caller: User) -> HttpResponse:
    """Set the description of a word, its synonyms, and which values are better."""
    term = _term(request, caller, request.POST.get("word", ""))
    changes: dict[str, Any] = {}
    if "description" in request.POST:
        changes["description"] = request.POST["description"].replace("\r\n", "\n").strip()
    if "synonyms" in request.POST:
        lines = (line.strip() for line in request.POST["synonyms"].splitlines())
        changes["synonyms"] = [line for line in dict.fromkeys(lines) if line]
    if "better" in request.POST and isinstance(term, MetadataName):
        changes["better"] = request.POST["better"] or None
        if changes["better"] not in (None, *DIRECTIONS):
            raise Refused("put_request_error", f"Better values are {' or '.join(DIRECTIONS)}")
    change_term(term=term, changes=changes, by=caller)
    messages.success(request, f"Saved “{term.name}”.")
    return _back(request, term)


ACTIONS: Mapping[str, Callable[[HttpRequest, User], HttpResponse]] = {
    "merge": _merge,
    "rename": _rename,
    "undo": _undo,
    "dismiss": _dismiss,
    "propose": partial(_dismiss, takes_back=True),
    "describe": _describe,
}
