"""Who we are to an API server: tokens, token files that rotate, passwords, and the operator's credential plugins.

Each gives request headers and knows how to get others when the server does not accept them. None of them puts a secret
into an error.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from trueup.kube.errors import ConnectionConfigError

_TOKEN_REREAD_SECONDS = 60.0
_EXEC_SECONDS = 60.0
_EXEC_MAX_OUTPUT = 1024 * 1024
_EXPIRY_MARGIN_SECONDS = 30.0


def _bearer(token: str) -> dict[str, str]:
    if not token or any(character in token for character in "\r\n\0"):
        raise ConnectionConfigError("the token is empty or holds a line break")
    return {"Authorization": f"Bearer {token}"}


class NoCredentials:
    """Nothing to show (a client certificate may do)."""

    async def headers(self) -> Mapping[str, str]:
        """No headers."""
        return {}

    def rejected(self) -> bool:
        """Nothing else can be had."""
        return False


NO_CREDENTIALS = NoCredentials()


class StaticToken:
    """A bearer token that does not change."""

    def __init__(self, token: str) -> None:
        """Take the token."""
        self._headers = _bearer(token.strip())

    async def headers(self) -> Mapping[str, str]:
        """The token's header."""
        return self._headers

    def rejected(self) -> bool:
        """Nothing else can be had."""
        return False


class BasicCredentials:
    """A user's name and password."""

    def __init__(self, username: str, password: str) -> None:
        """Take both."""
        joined = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {joined}"}

    async def headers(self) -> Mapping[str, str]:
        """Basic authentication's header."""
        return self._headers

    def rejected(self) -> bool:
        """Nothing else can be had."""
        return False


class TokenFile:
    """A bearer token in a file that something else renews, as a pod's service account token is."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; it is read when first needed, then once a minute."""
        self._path = path
        self._headers: dict[str, str] = {}
        self._read_at = 0.0

    async def headers(self) -> Mapping[str, str]:
        """The token's header, read again when a minute old. Raises `ConnectionConfigError`."""
        now = time.monotonic()
        if not self._headers or now - self._read_at > _TOKEN_REREAD_SECONDS:
            try:
                self._headers = _bearer(self._path.read_text().strip())
            except OSError as error:
                if not self._headers:
                    raise ConnectionConfigError(f"cannot read the token {self._path}: {error.strerror}") from error
            self._read_at = now
        return self._headers

    def rejected(self) -> bool:
        """Read the file again next time; worth another try where it now holds another token."""
        before, self._read_at = self._headers, 0.0
        try:
            return _bearer(self._path.read_text().strip()) != before
        except (OSError, ConnectionConfigError):
            return False


class ExecEnvironment(msgspec.Struct, frozen=True):
    """One variable for a credential plugin."""

    name: str
    value: str


class ExecSpec(msgspec.Struct, frozen=True, rename="camel"):
    """A credential plugin as a kubeconfig names it."""

    command: str
    api_version: str = "client.authentication.k8s.io/v1"
    args: tuple[str, ...] | None = None
    env: tuple[ExecEnvironment, ...] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"


class _ExecStatus(msgspec.Struct, rename="camel"):
    token: str = ""
    expiration_timestamp: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""


class _ExecAnswer(msgspec.Struct):
    kind: str = ""
    status: _ExecStatus = msgspec.field(default_factory=_ExecStatus)


class ExecCredentials:
    """Runs the operator's credential plugin for a token, and again before it expires or when it is not accepted."""

    def __init__(self, spec: ExecSpec, cluster: Mapping[str, Any] | None, base: Path | None) -> None:
        """Take the plugin, the cluster to tell it of (or `None`), and the kubeconfig's folder."""
        self._spec = spec
        self._cluster = cluster
        self._base = base
        self._headers: dict[str, str] = {}
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """The token's header, from the plugin where needed. Raises `ConnectionConfigError`."""
        if self._headers and time.time() < self._good_until:
            return self._headers
        async with self._lock:
            if not self._headers or time.time() >= self._good_until:
                await self._renew()
        return self._headers

    def rejected(self) -> bool:
        """Run the plugin again."""
        had = bool(self._headers)
        self._headers = {}
        return had

    async def _renew(self) -> None:
        answer = await self._run()
        if answer.status.client_certificate_data and not answer.status.token:
            raise ConnectionConfigError(
                f"the credential plugin {self._spec.command} gave a client certificate; only tokens are supported"
            )
        self._headers = _bearer(answer.status.token.strip())
        self._good_until = float("inf")
        if answer.status.expiration_timestamp:
            try:
                expires = datetime.fromisoformat(answer.status.expiration_timestamp)
            except ValueError:
                raise ConnectionConfigError(
                    f"the credential plugin {self._spec.command} gave an expiry that is no timestamp"
                ) from None
            expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
            self._good_until = expires.timestamp() - _EXPIRY_MARGIN_SECONDS

    async def _run(self) -> _ExecAnswer:
        spec = self._spec
        if spec.interactive_mode == "Always":
            raise ConnectionConfigError(f"the credential plugin {spec.command} wants a terminal: use another")
        command = spec.command
        if os.sep in command and self._base and not Path(command).is_absolute():
            command = str(self._base / command)
        if not shutil.which(command):
            hint = f": {spec.install_hint}" if spec.install_hint else ""
            raise ConnectionConfigError(f"the credential plugin {spec.command} is not installed{hint}")
        told: dict[str, Any] = {
            "apiVersion": spec.api_version,
            "kind": "ExecCredential",
            "spec": {"interactive": False, **({"cluster": self._cluster} if self._cluster else {})},
        }
        environment = {**os.environ, **{item.name: item.value for item in spec.env or ()}}
        environment["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(told).decode()
        process = await asyncio.create_subprocess_exec(
            command,
            *(spec.args or ()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_EXEC_SECONDS):
                output = b""
                while len(output) < _EXEC_MAX_OUTPUT and (chunk := await process.stdout.read(65536)):
                    output += chunk
                code = await process.wait()
        except TimeoutError:
            raise ConnectionConfigError(
                f"the credential plugin {spec.command} gave no answer within {_EXEC_SECONDS:.0f} s"
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code:
            raise ConnectionConfigError(f"the credential plugin {spec.command} ended with exit code {code}")
        try:
            return msgspec.json.decode(output, type=_ExecAnswer)
        except msgspec.MsgspecError:
            raise ConnectionConfigError(f"the credential plugin {spec.command} gave no ExecCredential") from None
