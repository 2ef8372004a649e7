"""`python -m trueup.devtools.localcluster FOLDER NODES [forget]`: what `trueup cluster up` starts in the background."""

import sys
from pathlib import Path

from trueup.devtools.localcluster.options import Options
from trueup.devtools.localcluster.process.supervising import serve

if __name__ == "__main__":
    forget = sys.argv[3:] == ["forget"]
    sys.exit(serve(Options(folder=Path(sys.argv[1]), nodes=int(sys.argv[2]), durable=not forget), forget=forget))
