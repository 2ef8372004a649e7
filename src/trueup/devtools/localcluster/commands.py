"""The command line of each part, and the files that it is configured by."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from trueup.devtools.localcluster.certificates import Authority, Pair, signing_key, write_private
from trueup.devtools.localcluster.layout import Layout
from trueup.devtools.localcluster.options import Options
from trueup.devtools.localcluster.process.ports import HOST, Ports
from trueup.devtools.localcluster.stages import stages_document

SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
ISSUER = "https://kubernetes.default.svc.cluster.local"

_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)

# Enough for benchmarks of thousands of objects: the API server's own fairness is the limit, not the clients'.
_QPS, _BURST = 2000, 4000

Json = dict[str, Any]


class Credentials(msgspec.Struct, frozen=True):
    """Every key of the cluster, as files."""

    ca: Pair
    etcd_ca: Pair
    front_proxy_ca: Pair
    api: Pair
    etcd: Pair
    etcd_client: Pair
    front_proxy: Pair
    signing: Pair
    admin: Pair
    controller_manager: Pair
    scheduler: Pair
    kwok: Pair


def issue_credentials(layout: Layout) -> Credentials:
    """Issue fresh certificates from the kept authorities, which are made if absent."""
    ca = Authority(layout.pki, "ca")
    etcd_ca = Authority(layout.pki, "etcd-ca")
    front_proxy_ca = Authority(layout.pki, "front-proxy-ca")
    masters = ["system:masters"]
    return Credentials(
        ca=ca.files,
        etcd_ca=etcd_ca.files,
        front_proxy_ca=front_proxy_ca.files,
        api=ca.server("api", "kube-apiserver", [*_NAMES, HOST, "::1", SERVICE_ADDRESS]),
        etcd=etcd_ca.server("etcd", "etcd", ["localhost", HOST]),
        etcd_client=etcd_ca.client("etcd-client", "kube-apiserver"),
        front_proxy=front_proxy_ca.client("front-proxy", "front-proxy-client"),
        signing=signing_key(layout.pki),
        admin=ca.client("admin", "kubernetes-admin", masters),
        controller_manager=ca.client("controller-manager", "system:kube-controller-manager"),
        scheduler=ca.client("scheduler", "system:kube-scheduler"),
        kwok=ca.client("kwok", "system:kwok", masters),
    )


def kubeconfig(server: str, ca: Path, pair: Pair, user: str, cluster: str = "trueup") -> str:
    """Return a kubeconfig that needs no other file; it is written as JSON, which every reader of YAML reads."""

    def inline(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": inline(ca)}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": inline(pair.certificate),
                    "client-key-data": inline(pair.key),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    return json.dumps(document, indent=2) + "\n"


def etcd_command(binary: Path, layout: Layout, options: Options, ports: Ports, keys: Credentials) -> Sequence[str]:
    """Return the command line of etcd: clients and peers must show a certificate of its own authority."""
    client, peer = f"https://{HOST}:{ports.etcd}", f"https://{HOST}:{ports.etcd_peer}"
    return [
        str(binary),
        "etcd",
        "--name=local",
        f"--data-dir={layout.etcd}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=local={peer}",
        "--client-cert-auth=true",
        f"--trusted-ca-file={keys.etcd_ca.certificate}",
        f"--cert-file={keys.etcd.certificate}",
        f"--key-file={keys.etcd.key}",
        "--peer-client-cert-auth=true",
        f"--peer-trusted-ca-file={keys.etcd_ca.certificate}",
        f"--peer-cert-file={keys.etcd.certificate}",
        f"--peer-key-file={keys.etcd.key}",
        f"--unsafe-no-fsync={'false' if options.durable else 'true'}",
        "--log-level=warn",
        "--logger=zap",
    ]


def apiserver_command(binary: Path, layout: Layout, options: Options, ports: Ports, keys: Credentials) -> Sequence[str]:
    """Return the command line of kube-apiserver."""
    command = [
        str(binary),
        "apiserver",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={ports.api}",
        f"--tls-cert-file={keys.api.certificate}",
        f"--tls-private-key-file={keys.api.key}",
        f"--client-ca-file={keys.ca.certificate}",
        f"--etcd-servers=https://{HOST}:{ports.etcd}",
        f"--etcd-cafile={keys.etcd_ca.certificate}",
        f"--etcd-certfile={keys.etcd_client.certificate}",
        f"--etcd-keyfile={keys.etcd_client.key}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={keys.signing.certificate}",
        f"--service-account-signing-key-file={keys.signing.key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--requestheader-client-ca-file={keys.front_proxy_ca.certificate}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={keys.front_proxy.certificate}",
        f"--proxy-client-key-file={keys.front_proxy.key}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        # A loopback address cannot stand in the endpoints of the `kubernetes` Service, and no pod asks for it.
        "--endpoint-reconciler-type=none",
        "--max-requests-inflight=1200",
        "--max-mutating-requests-inflight=600",
        "--profiling=false",
    ]
    if options.audit:
        policy = layout.config / "audit-policy.json"
        policy.write_text(json.dumps(_AUDIT_POLICY))
        command += [
            f"--audit-policy-file={policy}",
            f"--audit-log-path={layout.audit}",
            "--audit-log-format=json",
            # What is asked of the log straight after a request must find that request.
            "--audit-log-mode=blocking",
            "--audit-log-maxsize=1000",
            "--audit-log-maxbackup=1",
        ]
    return command


_AUDIT_POLICY: Json = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


def controller_manager_command(binary: Path, layout: Layout, ports: Ports, keys: Credentials) -> Sequence[str]:
    """Return the command line of kube-controller-manager: every controller under its own account."""
    config = _client_config(layout, "controller-manager", ports, keys.ca, keys.controller_manager)
    return [
        str(binary),
        "controller-manager",
        f"--kubeconfig={config}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={keys.signing.key}",
        f"--root-ca-file={keys.ca.certificate}",
        f"--cluster-signing-cert-file={keys.ca.certificate}",
        f"--cluster-signing-key-file={keys.ca.key}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
        f"--kube-api-qps={_QPS}",
        f"--kube-api-burst={_BURST}",
        "--concurrent-namespace-syncs=20",
        "--concurrent-deployment-syncs=10",
        "--concurrent-replicaset-syncs=10",
        "--concurrent-statefulset-syncs=10",
    ]


def scheduler_command(binary: Path, layout: Layout, ports: Ports, keys: Credentials) -> Sequence[str]:
    """Return the command line of kube-scheduler."""
    client = _client_config(layout, "scheduler", ports, keys.ca, keys.scheduler)
    config = layout.config / "scheduler.json"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "kubescheduler.config.k8s.io/v1",
                "kind": "KubeSchedulerConfiguration",
                "leaderElection": {"leaderElect": False},
                "clientConnection": {"kubeconfig": str(client), "qps": _QPS, "burst": _BURST},
                "enableProfiling": False,
            }
        )
    )
    return [
        str(binary),
        "scheduler",
        f"--config={config}",
        f"--authentication-kubeconfig={client}",
        f"--authorization-kubeconfig={client}",
        "--authentication-skip-lookup=true",
        "--secure-port=0",
    ]


def kwok_command(binary: Path, layout: Layout, ports: Ports, keys: Credentials) -> Sequence[str]:
    """Return the command line of kwok with our stages."""
    client = _client_config(layout, "kwok", ports, keys.ca, keys.kwok)
    stages = layout.config / "stages.yaml"
    stages.write_text(stages_document())
    return [str(binary), f"--kubeconfig={client}", f"--config={stages}"]


def _client_config(layout: Layout, name: str, ports: Ports, ca: Pair, pair: Pair) -> Path:
    path = layout.config / f"{name}.kubeconfig"
    write_private(path, kubeconfig(f"https://{HOST}:{ports.api}", ca.certificate, pair, name).encode())
    return path
