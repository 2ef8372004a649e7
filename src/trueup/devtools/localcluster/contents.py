"""What a new cluster has in it from the start: its nodes and a default storage class."""

import json
from typing import Any

from trueup.devtools.localcluster.session import Session
from trueup.devtools.localcluster.stages.storage import STORAGE_CLASS, storage_class

Json = dict[str, Any]

_CAPACITY = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "4000"}


def node_name(number: int) -> str:
    """Return the name of the node `number`, counted from 0."""
    return f"node-{number}"


def furnish(api: Session, nodes: int) -> None:
    """Make what the cluster lacks of its nodes and storage class; what is there stays. Raises Refused or OSError."""
    api.apply(f"/apis/storage.k8s.io/v1/storageclasses/{STORAGE_CLASS}", storage_class())
    for number in range(nodes):
        name = node_name(number)
        api.apply(f"/api/v1/nodes/{name}", _node(name, number))
        api.apply(f"/api/v1/nodes/{name}/status", _node_status(name, number))


def furnished(api: Session, nodes: int) -> bool:
    """Say whether pods can be made and run: every node is ready and the default service account is there."""
    if not api.answers("/api/v1/namespaces/default/serviceaccounts/default"):
        return False
    items = json.loads(api.request("GET", "/api/v1/nodes"))["items"]
    ready = [node for node in items if _is_ready(node) and not node["spec"].get("taints")]
    return len(ready) >= nodes


def _is_ready(node: Json) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _node(name: str, number: int) -> Json:
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "local",
        "topology.kubernetes.io/zone": f"local-{number % 3}",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]},
    }


def _node_status(name: str, number: int) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"10.0.{number // 250}.{number % 250 + 1}"},
                {"type": "Hostname", "address": name},
            ],
            "capacity": _CAPACITY,
            "allocatable": _CAPACITY,
        },
    }
