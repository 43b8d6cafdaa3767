"""Routes on the rules that protect aliases, and on proposals to move an alias."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from catalog.aliases.models import Proposal, ProtectionRule
from catalog.aliases.proposals import decide, propose_move
from catalog.aliases.rules import change_rule, create_rule, delete_rule
from catalog.aliases.serializers import (
    DecisionInput,
    ProposalAnswer,
    ProposalInput,
    RuleAnswer,
    RuleChanges,
    RuleInput,
)
from catalog.aliases.viewsets import AliasRoutes
from tenants.models import User
from tenants.rest.collections import CollectionViewSet, valid_body, valid_changes
from tenants.rest.permissions import ADMINISTRATORS, USERS

FIXED = ("_id", "id", "timestamp", "lastmod")


class ProposalViewSet(AliasRoutes):
    """Proposals to move an alias of an item: readers of the item see them, rules say who decides."""

    model: ClassVar[type[Model]] = Proposal
    change_method = ""
    scopes: ClassVar = {"create": ("aliases:move",), "approve": (), "reject": (), "withdraw": ()}  # people decide
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "approve", "reject", "withdraw"), USERS)
    query_fields: ClassVar = {
        "_id": "text:pk",
        "version": "text?:ordinal",
        "status": "text",
        "author": "user:author_id",
        "timestamp": "date",
        "lastmod": "date",
    }
    input_class: ClassVar[type[Serializer[Any]]] = ProposalInput
    answer_class: ClassVar[type[Serializer[Any]]] = ProposalAnswer
    bodies: ClassVar = {"create": ProposalInput} | dict.fromkeys(("approve", "reject", "withdraw"), DecisionInput)
    parameters: ClassVar = {"retrieve": ("select",)}

    def get_queryset(self) -> QuerySet[Proposal]:
        item = self.get_object()
        return Proposal.objects.of(item.tenant_id).filter(subject=item.pk, alias=self.kwargs["alias"])

    def to_api_page(self, rows: Sequence[Proposal]) -> Sequence[dict[str, Any]]:
        return [row.to_api() for row in rows]

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Propose to point an alias at a version; it moves as soon as the rules are met."""
        body = valid_body(ProposalInput, request.data)
        return self.answer(propose_move(item=self.get_object(), alias=kwargs["alias"], by=self.user, **body))

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        """Return a proposal."""
        return self.answer(self.get_proposal())

    def approve(self, request: Request, **kwargs: Any) -> Response:
        """Approve a proposal, which moves the alias if it was the last approval that the rules need."""
        return self.decided("approve")

    def reject(self, request: Request, **kwargs: Any) -> Response:
        """Reject a proposal."""
        return self.decided("reject")

    def withdraw(self, request: Request, **kwargs: Any) -> Response:
        """Withdraw a proposal."""
        return self.decided("withdraw")

    def decided(self, verb: str) -> Response:
        item, proposal = self.get_object(), self.get_proposal()
        body = {} if self.request.data == {} else valid_body(DecisionInput, self.request.data)
        return self.answer(decide(item=item, proposal=proposal, verb=verb, by=self.user, **body))

    def get_proposal(self) -> Proposal:
        """Return the proposal that the URL names. Raises Http404."""
        proposal = self.get_queryset().filter(pk=self.kwargs["proposal"]).first()
        if proposal is None:
            raise Http404(f"No such resource: {self.kwargs['proposal']}")
        return proposal


class ProtectionViewSet(CollectionViewSet):
    """The rules that protect aliases of the tenant's items."""

    collection = "rules"
    group = "aliases"
    model = ProtectionRule
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "update", "destroy"), ADMINISTRATORS)
    query_fields: ClassVar = {
        "_id": "text:pk",
        "name": "text",
        "aliases": "text:pattern",
        "kinds": "texts",
        "tags": "texts",
        "roles": "texts",
        "approvals": "number",
        "timestamp": "date",
        "lastmod": "date",
    }
    input_class: ClassVar[type[Serializer[Any]]] = RuleInput
    changes_class: ClassVar[type[Serializer[Any]]] = RuleChanges
    answer_class: ClassVar[type[Serializer[Any]]] = RuleAnswer

    def to_api_page(self, rows: Sequence[ProtectionRule]) -> Sequence[dict[str, Any]]:
        usernames = User.objects.usernames({pk for row in rows for pk in row.users})
        return [row.to_api(usernames) for row in rows]

    def create_one(self, body: dict[str, Any]) -> ProtectionRule:
        return create_rule(by=self.user, fields=body)

    def update(self, request: Request, **kwargs: Any) -> Response:
        rule, fields = self.get_object(), valid_changes(RuleChanges, request.data, FIXED)
        return self.answer(change_rule(rule=rule, by=self.user, fields=fields))

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        rule = self.get_object()
        answer = self.answer(rule)
        delete_rule(rule=rule, by=self.user)
        return answer
