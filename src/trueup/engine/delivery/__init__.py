"""How what a unit wants comes to live: one module for each delivery, with the `Delivery` protocol of the ports.

A new one is a module here, or anywhere else, and its entry in `EnginePorts.deliveries`.
"""

from trueup.engine.delivery.objects import ObjectDelivery

__all__ = ["ObjectDelivery"]
