"""The content of a tree by id, and what ignore rules leave of it."""
