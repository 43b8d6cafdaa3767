"""Tags and metadata names; knows nothing about the items that use them."""
