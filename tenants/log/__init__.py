"""The request log: what is recorded, for how long, and who may read it."""
