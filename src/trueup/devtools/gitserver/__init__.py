"""A real Git server for the demo, the tests and anyone trying Trueup out: Git's own `http-backend` behind HTTP.

It knows nothing of the rest of Trueup. `GitServer` serves a folder of bare repositories, `Repository` makes and
changes them without a working tree.
"""

from trueup.devtools.gitserver.faults import Faults
from trueup.devtools.gitserver.repository import Executable, Repository, Submodule, Symlink
from trueup.devtools.gitserver.server import GitServer

__all__ = ["Executable", "Faults", "GitServer", "Repository", "Submodule", "Symlink"]
