"""`python -m trueup.devtools.toolchain (all | NAME…)`: build the Go programs, or print where the built ones are."""

import sys

from trueup.devtools.toolchain import TARGETS, BuildFailed, GoMissing, SourceMissing, UnknownBinary, binary


def main(names: list[str]) -> int:
    """Build the named programs (`all` for every one) and print their paths; return the exit code."""
    if not names:
        print(f"usage: python -m trueup.devtools.toolchain (all | {' | '.join(TARGETS)})…", file=sys.stderr)
        return 2
    try:
        for name in TARGETS if names == ["all"] else names:
            print(binary(name))
    except (BuildFailed, GoMissing, SourceMissing, UnknownBinary) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
