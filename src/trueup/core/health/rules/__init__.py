"""Health rules, by what a kind does. Each rule is a pure function of one live object."""
