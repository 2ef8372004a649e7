"""Copies a folder for a plugin to write in: `copying.py FROM TO`. A script of its own, see `trueup.scripts`."""

import json
import shutil
import sys


def main() -> None:
    """Copy, links as links, and say how it went."""
    try:
        shutil.copytree(sys.argv[1], sys.argv[2], symlinks=True)
    except shutil.Error as error:
        print(json.dumps({"errno": 5, "words": str(error.args[0][0][-1])[:300]}))
    except OSError as error:
        print(json.dumps({"errno": error.errno, "words": str(error)}))
    else:
        print("{}")


if __name__ == "__main__":
    main()
