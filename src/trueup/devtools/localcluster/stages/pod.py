"""The life of a pod as a kubelet would tell it.

The tag of a container's image decides its fate: `broken` exits with 1 as soon as it starts, `missing` is in no
registry, `slow` takes ten seconds to become ready, and all others run at once. Pods that are not to be restarted
always (those of Jobs) end well shortly after they are ready.
"""

from pathlib import Path

from trueup.devtools.localcluster.stages.stage import Json, after, at, event, stage, status

SLOW_S = 10
"""How long a container of an image tagged `slow` takes, in seconds."""

_TEMPLATES = Path(__file__).with_name("pod.gotmpl").read_text()

_DEFINITIONS = """
def tagged($tag): .image | test(":" + $tag + "(@|$)");
def alive: .metadata.deletionTimestamp == null and (.status.phase == "Pending" or .status.phase == "Running");
def begun: .status.startTime != null;
def condition($type): any(.status.conditions[]?; .type == $type and .status == "True");
def blocked: any(.spec.initContainers[]?; tagged("broken") or tagged("missing"));
def slow_init: any(.spec.initContainers[]?; .restartPolicy != "Always" and tagged("slow"));
def statuses: (.status.initContainerStatuses[]?, .status.containerStatuses[]?);
def unpulled: any(statuses; .state.waiting.reason == "ErrImagePull");
def failed: .spec.restartPolicy != "Never" and any(statuses; (.state.terminated.exitCode // 0) != 0);
def slow: any(.status.containerStatuses[]?; .state.running != null and .ready == false and tagged("slow"));
def looping: any(statuses; .state.waiting.reason == "CrashLoopBackOff");
def done: all(.status.containerStatuses[]?; (.state.running != null and .ready) or .state.terminated != null);
"""


def _both(template: str) -> str:
    """Apply a template to the init containers' statuses and to the containers'."""
    return (
        '{ "observedGeneration": {{ or .metadata.generation 1 }}, {{- $now := Now }}{{ $pod := . }}'
        "{{- with .status.initContainerStatuses }}"
        f'{{{{ template "{template}" (dict "pod" $pod "statuses" . "key" "initContainerStatuses" "now" $now) }}}}'
        "{{- end }}{{- with .status.containerStatuses }}"
        f'{{{{ template "{template}" (dict "pod" $pod "statuses" . "key" "containerStatuses" "now" $now) }}}}'
        "{{- end }} }"
    )


def _pod(name: str, when: str, steps: list[Json], *, delay: Json | None = None, due: str = "") -> Json:
    return stage(name, "Pod", _DEFINITIONS + when, steps, delay=at(_DEFINITIONS + due) if due else delay)


def _writing(body: str) -> Json:
    return status(_TEMPLATES + body)


def pod_stages() -> list[Json]:
    """Return the stages of a pod's life. No two are ever due for one pod at once, as kwok would then throw dice."""
    start = _writing('{{ template "start" . }}')
    return [
        _pod("pod-delete", ".metadata.deletionTimestamp != null", [{"delete": True}]),
        _pod("pod-start", "alive and (begun or blocked or slow_init | not)", [start]),
        _pod(
            "pod-init-start",
            "alive and (begun | not) and (blocked or slow_init)",
            [_writing('{{ template "start-init" . }}')],
        ),
        _pod(
            "pod-init-done",
            'alive and begun and slow_init and (blocked or condition("Initialized") | not)',
            [start],
            due=f".status.startTime | fromdate + {SLOW_S} | todate",
        ),
        _pod(
            "pod-image-back-off",
            "alive and begun and unpulled",
            [
                _writing(_both("pull-again")),
                event("Warning", "Failed", "Error: ErrImagePull"),
                event("Warning", "Failed", "Error: ImagePullBackOff"),
            ],
            delay=after(1000),
        ),
        _pod(
            "pod-crash-back-off",
            "alive and begun and failed and (unpulled | not)",
            [
                _writing(_both("back-off")),
                event("Warning", "BackOff", "Back-off restarting failed container"),
            ],
            delay=after(1000),
        ),
        _pod(
            "pod-slow-ready",
            'alive and condition("Initialized") and slow and (unpulled or failed | not)',
            [_writing('{{ template "slow-ready" . }}')],
            due=f'[.status.containerStatuses[] | select(tagged("slow")) | .state.running.startedAt | strings] | max'
            f" | fromdate + {SLOW_S} | todate",
        ),
        _pod(
            "pod-crash-again",
            "alive and looping and (unpulled or failed or slow | not)",
            [_writing(_both("fail-again"))],
            due='[statuses | select(.state.waiting.reason == "CrashLoopBackOff")'
            " | (.lastState.terminated.finishedAt | fromdate) + ([10 * pow(2; .restartCount - 1), 300] | min)]"
            " | min | todate",
        ),
        _pod(
            "pod-complete",
            'alive and condition("Initialized") and .spec.restartPolicy != "Always" and done and (failed | not)',
            [_writing('{{ template "complete" . }}')],
            delay=after(200),
        ),
    ]
