"""What plays the parts of kubelets, load balancers and storage: the stages that kwok carries out.

A stage says when an object is due for a change and what is then written into it. When is a jq expression that gives
true; what is a Go template. Pods, nodes and the rest are described in a module each.
"""

import json

from trueup.devtools.localcluster.stages.network import network_stages
from trueup.devtools.localcluster.stages.node import node_stages
from trueup.devtools.localcluster.stages.pod import pod_stages
from trueup.devtools.localcluster.stages.storage import storage_stages


def stages_document() -> str:
    """Return kwok's configuration file: every stage, as a stream of YAML documents."""
    options = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "metadata": {"name": "kwok"},
        "options": {
            "manageAllNodes": True,
            "podPlayStageParallelism": 16,
            "nodePlayStageParallelism": 4,
            "nodeLeaseParallelism": 4,
            "nodeLeaseDurationSeconds": 40,
            "cidr": "10.244.0.0/16",
            "nodeIP": "10.0.0.1",
        },
    }
    documents = [options, *node_stages(), *pod_stages(), *network_stages(), *storage_stages()]
    return "---\n".join(json.dumps(document) + "\n" for document in documents)
