"""Records of syncs: built while one is under way, published when it ends, kept in the short history."""
