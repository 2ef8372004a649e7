"""Git itself: mirrors, refs, URLs, trees, log, and commits written. Knows no source, unit or cluster."""
