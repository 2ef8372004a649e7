"""A node that says that it is ready, and its heartbeat (a lease that kwok renews by itself)."""

from trueup.devtools.localcluster.stages.stage import Json, stage, status

_READY = """
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ Now | Quote }}
  lastTransitionTime: {{ Now | Quote }}
{{ end }}
"""


def node_stages() -> list[Json]:
    """Return the stages of a node's life; its addresses and capacity are written by who registers it."""
    unready = 'any(.status.conditions[]?; .type == "Ready" and .status == "True") | not'
    return [stage("node-ready", "Node", unready, [status(_READY)])]
