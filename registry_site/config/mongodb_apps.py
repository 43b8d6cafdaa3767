"""App configs of Django's own apps with ObjectId keys, for MongoDB; see databases.py."""

from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig

from registry_site import apps

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class Admin(apps.Admin):
    default_auto_field = OBJECT_ID


class Auth(AuthConfig):
    default_auto_field = OBJECT_ID


class Contenttypes(ContentTypesConfig):
    default_auto_field = OBJECT_ID
