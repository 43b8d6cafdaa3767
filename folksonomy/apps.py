from django.apps import AppConfig


class FolksonomyConfig(AppConfig):
    name = "folksonomy"
