"""A real etcd and API server that a test may kill, restart and wipe: nothing else of a cluster is needed here."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from trueup.devtools.toolchain import binary
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import from_kubeconfig
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class ControlPlane:
    """The two processes, their folder and ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = str(binary("localcluster"))
        self.port, self.etcd_port, self.peer_port = free_port(), free_port(), free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        subprocess.run(["openssl", "genrsa", "-out", folder / "sa.key", "2048"], check=True, capture_output=True)
        (folder / "tokens.csv").write_text('admin-token,admin,1,"system:masters"\n')

    def start_etcd(self) -> None:
        url, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )

    def start_api(self) -> None:
        self._run(
            "apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={self.folder / 'certs'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-key-file={self.folder / 'sa.key'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--disable-admission-plugins=ServiceAccount",
        )

    def _run(self, part: str, *flags: str) -> None:
        with (self.folder / f"{part}.log").open("ab") as log:
            self.processes[part] = subprocess.Popen([self.program, part, *flags], stdout=log, stderr=log)

    def kill(self, part: str) -> None:
        process = self.processes.pop(part, None)
        if process is not None:
            process.kill()
            process.wait()

    def wipe(self) -> None:
        shutil.rmtree(self.folder / "etcd")

    def compact(self) -> None:
        """Have etcd forget all history, through its JSON gateway."""
        base = f"http://127.0.0.1:{self.etcd_port}/v3/kv"
        raw = urlopen(Request(f"{base}/range", b'{"key":"AA=="}')).read()
        revision = json.loads(raw)["header"]["revision"]
        urlopen(Request(f"{base}/compaction", json.dumps({"revision": revision, "physical": True}).encode())).read()

    def kubeconfig(self) -> dict[str, Any]:
        cluster = {
            "server": f"https://127.0.0.1:{self.port}",
            "certificate-authority": str(self.folder / "certs" / "apiserver.crt"),
        }
        return {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": "admin-token"}}],
        }

    async def ready(self) -> None:
        """Wait until the API server serves and the namespace `default` is there."""
        for _ in range(300):
            try:
                async with KubeClient(from_kubeconfig(self.kubeconfig())) as client:
                    await client.raw("/readyz")
                    await client.raw("/api/v1/namespaces/default")
                    return
            except (KubeError, OSError):
                await asyncio.sleep(0.1)
        raise AssertionError(f"the API server is not ready: see {self.folder / 'apiserver.log'}")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane of one test module."""
    made = ControlPlane(tmp_path_factory.mktemp("plane"))
    made.start_etcd()
    made.start_api()
    yield made
    made.kill("apiserver")
    made.kill("etcd")


@pytest.fixture
async def client(plane: ControlPlane) -> AsyncIterator[KubeClient]:
    """A client of the ready control plane."""
    await plane.ready()
    async with KubeClient(from_kubeconfig(plane.kubeconfig())) as made:
        yield made


@pytest.fixture
async def mapper(client: KubeClient) -> Mapper:
    """A mapper that has read discovery."""
    made = Mapper(client)
    await made.refresh()
    return made


@pytest.fixture
def eventually() -> Any:
    """Wait until a condition holds, at most thirty seconds."""

    async def wait(condition: Any) -> None:
        for _ in range(1500):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it did not come true within thirty seconds")

    return wait
