"""Makes objects of artifacts: the client of the worker processes, and the memory of what they have answered.

Knows recipes and results (`core.recipe`) and how to talk to `go/worker`. It must not know where artifacts come from,
which dialect a recipe was translated from, or what becomes of the objects.
"""

from trueup.render.renderer import WorkerRenderer
from trueup.render.settings import RenderSettings

__all__ = ["RenderSettings", "WorkerRenderer"]
