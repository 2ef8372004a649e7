"""Distribution of test modules among the workers of pytest-xdist: modules stay whole, the longest begin first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

LONGEST_FIRST: tuple[str, ...] = (
    "e2e/test_demo.py",
    "e2e/test_demo_endings.py",
    "e2e/test_tour.py",
    "e2e/test_hostile_objects.py",
    "e2e/test_history.py",
    "e2e/test_returns_together.py",
    "e2e/test_restart.py",
    "e2e/test_cli.py",
    "e2e/test_returns.py",
    "e2e/test_crashes.py",
    "security/test_secrets_in_words.py",
    "e2e/test_api_faults.py",
    "integration/devtools/localcluster/test_command.py",
    "e2e/test_pins.py",
    "security/test_hostile_remotes.py",
    "security/test_costly_renders.py",
    "e2e/test_argo_notifications.py",
    "e2e/test_records.py",
    "e2e/test_proposes.py",
    "e2e/test_faults.py",
    "unit/engine/test_random_histories.py",
    "e2e/test_flux_notifications.py",
    "e2e/test_full_disk.py",
)
"""Modules that take longer than ten seconds on two cores, the longest first."""


def by_length(modules: Iterable[str]) -> list[str]:
    """Order modules by how long they take; those that are not listed come last, in their order."""
    known = {name: position for position, name in enumerate(LONGEST_FIRST)}
    return sorted(modules, key=lambda module: known.get(_below_tests(module), len(known)))


def _below_tests(module: str) -> str:
    path = PurePosixPath(module)
    return str(path.relative_to("tests")) if path.is_relative_to("tests") else str(path)


class LongestFirstScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives each worker one module after the other.

    A worker begins its last test only when it has been given the next one (it must know which fixtures live on), so
    that module waits for the end of that test: where the test is a long one, the module should be a short one.
    """

    def schedule(self) -> None:
        """Begin with the longest modules."""
        self.config.option.loadscopereorder = False
        super().schedule()

    def _reschedule(self, node: WorkerController) -> None:
        if node.shutting_down:
            return
        if not self.workqueue:
            node.shutdown()
        elif self._pending_of(self.assigned_work[node]) <= 1:
            self._assign_work_unit(node)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if len(self.workqueue) > 1:
            ordered = by_length(self.workqueue)
            chosen = ordered[-1] if self._is_in_a_long_test(node) else ordered[0]
            self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)

    def _is_in_a_long_test(self, node: WorkerController) -> bool:
        """Say whether the test that the worker begins next is the only one of a long module."""
        pending = [unit for unit in self.assigned_work.get(node, {}).items() if not all(unit[1].values())]
        return any(len(tests) == 1 and _below_tests(module) in LONGEST_FIRST for module, tests in pending)
