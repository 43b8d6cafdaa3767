"""Files with names and ordinals; knows nothing about the items that they belong to."""
