"""Fields of objects: ownership by managedFields, changes, and the provenance of values."""
