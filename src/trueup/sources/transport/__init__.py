"""What all sources that speak HTTP have in common: where they may be led, and how certificates are checked."""
