"""What is decided across units: owners of objects, the circuit breaker, priorities, proposals."""
