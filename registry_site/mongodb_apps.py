"""Django's own apps with keys that MongoDB can make; see databases.py."""

from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class Admin(AdminConfig):
    default_auto_field = OBJECT_ID


class Auth(AuthConfig):
    default_auto_field = OBJECT_ID


class Contenttypes(ContentTypesConfig):
    default_auto_field = OBJECT_ID
