"""Events out: takes messages to the services that users configured, each once, and again where it did not arrive.

It knows messages (`core.notification`) and how services are spoken to. It must not know dialects, units or the engine.
"""
