"""Which cluster and namespace a command is about."""

from __future__ import annotations

from typing import NamedTuple


class Where(NamedTuple):
    """Which cluster and namespace a command is about; empty is the kubeconfig's own choice, or every namespace."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
