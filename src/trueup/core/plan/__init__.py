"""From desired and live objects to an ordered plan: desired objects, waves, guards, drift."""
