"""What tests of items share with those of versions."""

from tests.versions.conftest import uploads

__all__ = ["uploads"]
