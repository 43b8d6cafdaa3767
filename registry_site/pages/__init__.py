"""What people see: the browsable API, landing page, login, documentation, and the admin site's frame."""
