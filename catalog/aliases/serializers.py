"""Shapes of the bodies and responses of the routes of aliases."""

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import KINDS
from tenants.identity.serializers import Choice, Name, Text, Whole
from tenants.models import ROLES
from tenants.rest.documentation import (
    ADA,
    FILE_SHA256,
    GRACE,
    ITEM,
    MOVE,
    PROPOSAL,
    RULE,
    TIME,
    UserReference,
    example,
)

LONGEST_REASON = 1000
ACTOR = {"_id": ADA, "username": "ada"}
CAUSE = {"sequence": 1, "actor": ACTOR, "reason": "Passed the fairness review", "proposal": None, "timestamp": TIME}
POINTER = {"version": "1", "sha256": FILE_SHA256, "previous": None} | CAUSE


@example(version="1", reason="Passed the fairness review")
class AliasInput(serializers.Serializer[Any]):
    """The version that an alias shall point at, named as in a URL, and why."""

    version = Text(max_length=1024, help_text="File name, ordinal or another alias: `3`, `@staging`, `@production~1`")
    reason = Text(required=False, allow_blank=True, max_length=LONGEST_REASON)


class CauseAnswer(serializers.Serializer[Any]):
    """Who moved an alias, when and why."""

    sequence = serializers.IntegerField(help_text="The number of the move, from 1")
    actor = UserReference()
    reason = serializers.CharField(allow_blank=True)
    proposal = serializers.CharField(allow_null=True, help_text="The `_id` of the accepted proposal")
    timestamp = serializers.DateTimeField()


class PointerAnswer(CauseAnswer):
    """Where an alias points."""

    version = serializers.CharField(help_text="The ordinal")
    sha256 = serializers.CharField()
    previous = serializers.CharField(allow_null=True, help_text="The ordinal before the move")


@example(_id="production", id="production", **POINTER)
class AliasAnswer(PointerAnswer):
    """An alias of an item."""

    _id = serializers.CharField()
    id = serializers.CharField()


@example(_id=MOVE, id=MOVE, **{"from": None, "to": "1"}, **CAUSE)
class MoveAnswer(CauseAnswer):
    """A move of an alias; `from` and `to` are ordinals."""

    _id = serializers.CharField()
    id = serializers.CharField()
    to = serializers.CharField(allow_null=True)

    def get_fields(self) -> Any:
        """Add the field whose name is a word of Python."""
        return super().get_fields() | {"from": serializers.CharField(allow_null=True)}


@example(_id=ITEM, id=ITEM, kind="model", name="churn", owner=ADA, owner_username="ada", **POINTER)
class HolderAnswer(PointerAnswer):
    """An item that has the alias, and where the alias points."""

    _id = serializers.CharField()
    id = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField()
    owner = serializers.CharField()
    owner_username = serializers.CharField()


@example(version="1", reason="Passed the fairness review")
class ProposalInput(serializers.Serializer[Any]):
    """The version that an alias shall point at, named as in a URL, and why; null proposes to remove the alias."""

    version = Text(max_length=1024, allow_null=True)
    reason = Text(required=False, allow_blank=True, max_length=LONGEST_REASON)


@example(reason="I checked the report")
class DecisionInput(serializers.Serializer[Any]):
    """Why a proposal is approved, rejected or withdrawn."""

    reason = Text(required=False, allow_blank=True, max_length=LONGEST_REASON)


class DecisionAnswer(serializers.Serializer[Any]):
    """What a user decided about a proposal."""

    user = UserReference()
    decision = serializers.CharField(help_text="`approved`, `rejected` or `withdrawn`")
    reason = serializers.CharField(allow_blank=True)
    timestamp = serializers.DateTimeField()


DECISION = {"user": {"_id": GRACE, "username": "grace"}, "decision": "approved", "reason": "", "timestamp": TIME}


@example(
    _id=PROPOSAL,
    id=PROPOSAL,
    alias="production",
    version="1",
    sha256=FILE_SHA256,
    reason="Passed the fairness review",
    status="moved",
    author=ACTOR,
    decisions=[DECISION],
    timestamp=TIME,
    lastmod=TIME,
)
class ProposalAnswer(serializers.Serializer[Any]):
    """A proposal to move an alias."""

    _id = serializers.CharField()
    id = serializers.CharField()
    alias = serializers.CharField()
    version = serializers.CharField(allow_null=True, help_text="The ordinal; null: remove the alias")
    sha256 = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    status = serializers.CharField(help_text="`open`, `moved`, `rejected` or `withdrawn`")
    author = UserReference()
    decisions = DecisionAnswer(many=True)
    timestamp = serializers.DateTimeField()
    lastmod = serializers.DateTimeField()


@extend_schema_field({"type": ["object", "array"]})
class Condition(serializers.JSONField):
    """A filter of versions, checked by the service."""

    default_error_messages = {"invalid": "Not an object or a list"}

    def to_internal_value(self, data: Any) -> Any:
        condition = super().to_internal_value(data)  # the value of a form is JSON
        if not isinstance(condition, dict | list):
            self.fail("invalid")
        return condition


class AliasPattern(Text):
    """An alias, in which `*` stands for any characters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, help_text="`*` stands for any characters", **kwargs)
        self.validators.append(RegexValidator(r"^[A-Za-z0-9_*-]{1,64}\Z"))


def _choices(choices: Any) -> serializers.ListField:
    return serializers.ListField(child=Choice(choices=choices), required=False, max_length=len(choices))


@example(
    name="production",
    aliases="production",
    kinds=["model"],
    tags=["regulated"],
    roles=["admin"],
    users=["grace"],
    condition={"metadata.accuracy": {"$gte": 0.9}},
    approvals=1,
)
class RuleInput(serializers.Serializer[Any]):
    """Who may move which aliases, to which versions, and with how many approvals of others."""

    name = Name(max_length=255)
    aliases = AliasPattern()
    kinds = _choices(KINDS)
    tags = serializers.ListField(child=Name(max_length=255), required=False, max_length=100)
    roles = _choices(ROLES)
    users = serializers.ListField(child=Text(max_length=255), required=False, max_length=100)
    condition = Condition(required=False, allow_null=True)
    approvals = Whole(required=False, min_value=0, max_value=10)


class RuleChanges(RuleInput):
    """Fields of a rule to replace."""

    name = Name(max_length=255, required=False)
    aliases = AliasPattern(required=False)


@example(
    _id=RULE,
    id=RULE,
    name="production",
    aliases="production",
    kinds=["model"],
    tags=["regulated"],
    roles=["admin"],
    users=[{"_id": GRACE, "username": "grace"}],
    condition={"metadata.accuracy": {"$gte": 0.9}},
    approvals=1,
    timestamp=TIME,
    lastmod=TIME,
)
class RuleAnswer(serializers.Serializer[Any]):
    """A rule that protects aliases."""

    _id = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()
    aliases = serializers.CharField()
    kinds = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    roles = serializers.ListField(child=serializers.CharField())
    users = UserReference(many=True)
    condition = Condition(allow_null=True)
    approvals = serializers.IntegerField()
    timestamp = serializers.DateTimeField()
    lastmod = serializers.DateTimeField()
