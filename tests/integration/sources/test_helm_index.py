"""What an index of 100,000 versions of charts costs: neither reading it nor finding in it takes memory that grows."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

from trueup.sources.helm import choosing, indexing
from trueup.sources.helm.choosing import choose

SCRIPT = Path(str(indexing.__file__))
MEMORY = 64 * 2**20
"""Bytes; an interpreter with its libraries takes a third of it."""

MEASURED = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""


def written(path: Path, charts: int, versions: int) -> None:
    """Write an index as Helm does."""
    with path.open("w") as file:
        file.write("apiVersion: v1\nentries:\n")
        for number in range(charts):
            file.write(f"  chart{number}:\n")
            for minor in range(versions):
                file.write(
                    f'  - apiVersion: v2\n    created: "2026-01-02T03:04:05.123456789Z"\n    description: '
                    f"{'A chart that serves something. ' * 8}\n    digest: {number * versions + minor:064x}\n"
                    "    keywords:\n    - one\n    maintainers:\n    - email: who@example.com\n      name: who\n"
                    f"    name: chart{number}\n    urls:\n    - charts/chart{number}-1.{minor}.0.tgz\n"
                    f"    version: 1.{minor}.0\n"
                )


def read(index: Path, database: Path) -> tuple[str, int]:
    """Read an index by the script; give what it prints, and the most memory that it took."""
    arguments = [sys.executable, "-I", "-c", MEASURED, str(SCRIPT), str(index), str(database), "250000"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return done.stdout, int(done.stderr) * 1024


def test_an_index_of_100000_versions_takes_no_memory_that_grows_with_it(tmp_path: Path) -> None:
    index, database = tmp_path / "index.yaml", tmp_path / "charts.db"
    written(index, 500, 200)
    assert index.stat().st_size > 50 * 2**20
    said, memory = read(index, database)
    assert said == '{"charts": 500, "versions": 100000}'
    assert memory < MEMORY
    tracemalloc.start()
    try:
        found = choose(database, "chart499", "1.x", "https://charts.example.com")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.version == "1.199.0" and found.urls == ("charts/chart499-1.199.0.tgz",)
    assert most < 2**20, choosing.__name__
