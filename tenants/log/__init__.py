"""The request log: what is recorded, how long it is kept, and who may read it."""
