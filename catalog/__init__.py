"""What exists: models, datasets and algorithms, composing tenants, folksonomy and versions."""
