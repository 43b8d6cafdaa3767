"""Routes on the versions of each kind of item."""

from catalog.documentation import DatasetAnswer
from catalog.viewsets import VersionViewSet


class ModelVersions(VersionViewSet):
    """The versions of a model."""

    kind = "model"
    collection = "models"


class DatasetVersions(VersionViewSet):
    """The versions of a dataset."""

    kind = "dataset"
    collection = "datasets"
    answer_class = DatasetAnswer


class AlgorithmVersions(VersionViewSet):
    """The versions of an algorithm."""

    kind = "algorithm"
    collection = "algorithms"
