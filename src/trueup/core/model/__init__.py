"""The neutral values everything else is about: units, sources, objects, states, reports, events."""
