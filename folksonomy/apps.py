from django.apps import AppConfig


class FolksonomyConfig(AppConfig):
    name = "folksonomy"
    verbose_name = "Tags and metadata names"
