"""Changes the password of a superuser."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.core.management.base import CommandError

from tenants.exceptions import Refused
from tenants.identity.services import update_user
from tenants.models import User


class Command(changepassword.Command):
    help = "Changes the password of a superuser of the admin site."

    def handle(self, *args: Any, **options: Any) -> str:
        username = options["username"] or getpass.getuser()
        user = User.objects.of(None).filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no superuser {username!r}")
        password = getpass.getpass()
        if password != getpass.getpass("Password (again): "):
            raise CommandError("The two passwords differ")
        try:
            update_user(user=user, password=password)
        except Refused as refused:
            raise CommandError(refused.details) from None
        return f"The password of {username!r} is changed"
