"""What all routes have in common: errors, middleware and OpenAPI; also the routes about the service itself."""
