"""The route of the request log."""

from typing import ClassVar

from tenants.models import RequestLog, TenantQuerySet
from tenants.rest.collections import CollectionViewSet
from tenants.rest.documentation import LogAnswer
from tenants.rest.permissions import ADMINISTRATORS


class LogViewSet(CollectionViewSet):
    """The answered requests of the caller's tenant, newest first."""

    collection = "log"
    group = "about"
    answer_class = LogAnswer
    model = RequestLog
    roles: ClassVar = {"list": ADMINISTRATORS}
    query_fields: ClassVar = {
        "_id": "text:pk",
        "date": "date",
        "user": "text?:user_id",
        "method": "text",
        "url": "text",
        "status": "number",
    }
    default_sort = "-date,-_id"

    def get_queryset(self) -> TenantQuerySet[RequestLog]:
        return RequestLog.objects.of(self.user.tenant_id or "")
