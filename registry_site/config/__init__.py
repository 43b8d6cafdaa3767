"""From variables to typed settings: environment, secrets, databases, stores."""
