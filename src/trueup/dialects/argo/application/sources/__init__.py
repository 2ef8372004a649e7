"""An Application's sources: which there are, how each is read, and what its repository says of that."""
