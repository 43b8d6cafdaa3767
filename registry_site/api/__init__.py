"""What all routes share on the wire: errors, middleware, headers, OpenAPI, and routes about the service."""
