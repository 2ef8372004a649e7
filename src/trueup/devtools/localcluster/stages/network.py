"""A load balancer for Services and a controller for Ingresses: both only give addresses."""

from trueup.devtools.localcluster.stages.stage import Json, stage, status

INGRESS_ADDRESS = "100.64.255.1"
"""The address of every Ingress, as all stand behind one controller. It is of a range that no host on the way uses."""

# Any number that stays the same for a Service will do; the last of 256 blocks is kept for the Ingresses.
_BALANCED = """
{{ $n := adler32sum .metadata.uid | int64 }}
{{ $own := printf "100.64.%d.%d" (mod (div $n 256) 255) (mod $n 256) }}
loadBalancer:
  ingress:
  - ip: {{ or .spec.loadBalancerIP $own | Quote }}
    ipMode: VIP
"""

_INGRESS = f"""
loadBalancer:
  ingress:
  - ip: {INGRESS_ADDRESS}
"""

_ALIVE = ".metadata.deletionTimestamp == null"
_ADDRESSED = "((.status.loadBalancer.ingress // []) | length > 0)"


def network_stages() -> list[Json]:
    """Return the stages of Services of type LoadBalancer and of Ingresses."""
    return [
        stage(
            "service-balanced",
            "Service",
            f'{_ALIVE} and .spec.type == "LoadBalancer" and .spec.loadBalancerClass == null and ({_ADDRESSED} | not)',
            [status(_BALANCED)],
        ),
        stage(
            "service-unbalanced",
            "Service",
            f'{_ALIVE} and .spec.type != "LoadBalancer" and {_ADDRESSED}',
            [status("loadBalancer: {ingress: null}")],
        ),
        stage(
            "ingress-addressed",
            "Ingress",
            f"{_ALIVE} and ({_ADDRESSED} | not)",
            [status(_INGRESS)],
            group="networking.k8s.io/v1",
        ),
    ]
