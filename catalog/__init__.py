"""Models, datasets and algorithms, built on tenants, folksonomy and versions."""
