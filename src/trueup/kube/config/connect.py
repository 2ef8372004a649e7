"""How to reach a cluster: the address, what to trust, and who we are.

A `Connection` comes from a kubeconfig (`from_kubeconfig`) or from the service account of the pod this process runs in
(`in_cluster`). Kubeconfigs that come from Secrets are not the operator's: they may not run programs, nor name files or
proxies of this machine (`Trust.TENANT`).
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import yaml

from trueup.kube.config.credentials import (
    NO_CREDENTIALS,
    BasicCredentials,
    ExecCredentials,
    ExecSpec,
    StaticToken,
    TokenFile,
)
from trueup.kube.errors import ConnectionConfigError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MAX_CONFIG = 4 * 1024 * 1024


class Credentials(Protocol):
    """Who we are, as request headers; and what to do when the server does not accept it."""

    async def headers(self) -> Mapping[str, str]:
        """Give the headers of the next request; fetches or renews what they need. Raises `ConnectionConfigError`."""
        ...

    def rejected(self) -> bool:
        """Note that the server said 401; say whether other headers can be had by asking again."""
        ...


class Trust(StrEnum):
    """Whose kubeconfig it is: the operator's own, or a tenant's, which may use nothing of this machine."""

    OPERATOR = "operator"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Connection:
    """An API server's address with what is needed to speak to it.

    `base_url` has no slash at its end. `ssl_context` is `None` for plain HTTP, `namespace` is the context's, `compress`
    asks for gzip (worth it over a network only).
    """

    base_url: str
    ssl_context: ssl.SSLContext | None = None
    credentials: Credentials = NO_CREDENTIALS
    namespace: str = "default"
    server_hostname: str | None = None
    proxy: str | None = None
    compress: bool = False


# ----------------------------------------------------------------------------------------------- kubeconfig


def kubeconfig_paths(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Give the kubeconfig files that kubectl would read: `$KUBECONFIG`, else `~/.kube/config`."""
    listed = (os.environ if environment is None else environment).get("KUBECONFIG", "")
    paths = tuple(Path(part) for part in listed.split(os.pathsep) if part)
    return paths or (Path.home() / ".kube" / "config",)


def load_kubeconfig(*paths: Path) -> dict[str, Any]:
    """Read and merge kubeconfig files as kubectl does (the first to name a thing wins). Raises
    `ConnectionConfigError` where none can be read."""
    merged: dict[str, Any] = {"clusters": [], "contexts": [], "users": []}
    found = False
    for path in paths:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConnectionConfigError(f"cannot read the kubeconfig {path}: {error.strerror}") from error
        found = True
        config = parse_kubeconfig(text, str(path))
        for name in ("clusters", "contexts", "users"):
            known = {item["name"] for item in merged[name]}
            for item in config.get(name) or ():
                if item["name"] not in known:
                    merged[name].append({**item, "_base": str(path.parent.resolve())})
        if not merged.get("current-context") and config.get("current-context"):
            merged["current-context"] = config["current-context"]
    if not found:
        listed = ", ".join(str(path) for path in paths)
        raise ConnectionConfigError(f"no kubeconfig at {listed}: set KUBECONFIG, or pass --kubeconfig")
    return merged


def parse_kubeconfig(text: bytes, origin: str) -> dict[str, Any]:
    """Parse a kubeconfig. Raises `ConnectionConfigError` naming `origin` where it is none."""
    if len(text) > _MAX_CONFIG:
        raise ConnectionConfigError(f"the kubeconfig {origin} is larger than {_MAX_CONFIG} bytes")
    try:
        config = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        # The parser's own words may quote the file, which holds credentials.
        raise ConnectionConfigError(f"the kubeconfig {origin} is not YAML{where}") from None
    if not isinstance(config, dict):
        raise ConnectionConfigError(f"the kubeconfig {origin} is empty or no mapping")
    for name in ("clusters", "contexts", "users"):
        items = config.get(name) or []
        if not isinstance(items, list) or not all(
            isinstance(i, dict) and isinstance(i.get("name"), str) for i in items
        ):
            raise ConnectionConfigError(f"in the kubeconfig {origin}, {name} is not a list of named entries")
    return config


def _named(config: Mapping[str, Any], section: str, inner: str, name: str) -> tuple[dict[str, Any], Path | None]:
    for item in config.get(section) or ():
        if item["name"] == name:
            base = item.get("_base")
            return item.get(inner) or {}, Path(base) if base else None
    known = ", ".join(item["name"] for item in config.get(section) or ()) or "none"
    raise ConnectionConfigError(f"the kubeconfig has no {inner} {name!r}; it has: {known}")


class _Files:
    """Resolves `name-data` or, for the operator only, the file `name`."""

    def __init__(self, trust: Trust, base: Path | None) -> None:
        self._trust = trust
        self._base = base

    def path(self, value: str, key: str) -> Path:
        if self._trust is Trust.TENANT:
            raise ConnectionConfigError(
                f"a kubeconfig from a Secret may not name files: put the content into {key}-data instead of {key}"
                if key != "tokenFile"
                else "a kubeconfig from a Secret may not name files: put the token into `token`"
            )
        return (self._base or Path.cwd()) / Path(value).expanduser()

    def content(self, section: Mapping[str, Any], key: str) -> bytes | None:
        data = section.get(f"{key}-data")
        if data:
            try:
                return base64.b64decode("".join(str(data).split()), validate=True)
            except (binascii.Error, ValueError, TypeError):
                raise ConnectionConfigError(f"{key}-data in the kubeconfig is not base64") from None
        if section.get(key):
            path = self.path(str(section[key]), key)
            try:
                return path.read_bytes()
            except OSError as error:
                raise ConnectionConfigError(f"cannot read {key} {path}: {error.strerror}") from error
        return None


def from_kubeconfig(
    config: Mapping[str, Any], *, context: str = "", trust: Trust = Trust.OPERATOR, insecure_allowed: bool = True
) -> Connection:
    """Give the connection of one context (default: the current one) of a parsed kubeconfig.

    Raises `ConnectionConfigError` where a part is missing, unreadable, or not allowed to this `trust`.
    """
    name = context or str(config.get("current-context") or "")
    if not name:
        raise ConnectionConfigError("the kubeconfig has no current-context: name one")
    chosen, _ = _named(config, "contexts", "context", name)
    cluster, cluster_base = _named(config, "clusters", "cluster", str(chosen.get("cluster") or ""))
    user: dict[str, Any] = {}
    user_base: Path | None = None
    if chosen.get("user"):
        user, user_base = _named(config, "users", "user", str(chosen["user"]))
    server = str(cluster.get("server") or "")
    url = urlsplit(server)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConnectionConfigError(f"the server of the cluster {chosen.get('cluster')!r} is not an http(s) URL")
    insecure = bool(cluster.get("insecure-skip-tls-verify"))
    if insecure and not insecure_allowed:
        raise ConnectionConfigError("insecure-skip-tls-verify is not allowed here: give the cluster's CA")
    proxy = str(cluster.get("proxy-url") or "") or None
    if proxy and (trust is Trust.TENANT or not proxy.startswith(("http://", "https://"))):
        raise ConnectionConfigError("proxy-url is not allowed here, or not an http(s) proxy")
    context_ = None
    if url.scheme == "https":
        files = _Files(trust, user_base)
        context_ = _ssl_context(
            ca=_Files(trust, cluster_base).content(cluster, "certificate-authority"),
            certificate=files.content(user, "client-certificate"),
            key=files.content(user, "client-key"),
            insecure=insecure,
        )
    return Connection(
        server,
        ssl_context=context_,
        credentials=_credentials(user, user_base, trust, cluster),
        namespace=str(chosen.get("namespace") or "default"),
        server_hostname=str(cluster.get("tls-server-name") or "") or None,
        proxy=proxy,
        compress=not (cluster.get("disable-compression") or _is_loopback(url.hostname)),
    )


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _credentials(user: Mapping[str, Any], base: Path | None, trust: Trust, cluster: Mapping[str, Any]) -> Credentials:
    if user.get("tokenFile"):
        return TokenFile(_Files(trust, base).path(str(user["tokenFile"]), "tokenFile"))
    if user.get("token"):
        return StaticToken(str(user["token"]))
    if user.get("username"):
        return BasicCredentials(str(user["username"]), str(user.get("password") or ""))
    if user.get("exec"):
        if trust is Trust.TENANT:
            raise ConnectionConfigError(
                "a kubeconfig from a Secret may not run programs (`exec`): use a token or a client certificate"
            )
        try:
            spec = msgspec.convert(user["exec"], ExecSpec)
        except msgspec.ValidationError as error:
            raise ConnectionConfigError(f"`exec` in the kubeconfig: {error}") from error
        shown = {key: value for key, value in cluster.items() if key != "extensions"}
        return ExecCredentials(spec, shown if spec.provide_cluster_info else None, base)
    if user.get("auth-provider"):
        raise ConnectionConfigError(
            "auth-provider in the kubeconfig was removed from Kubernetes in 1.26: use an `exec` plugin or a token"
        )
    return NO_CREDENTIALS


def _ssl_context(
    *, ca: bytes | None, certificate: bytes | None, key: bytes | None, insecure: bool = False
) -> ssl.SSLContext:
    try:
        trusted = ssl.create_default_context(cadata=ca.decode("ascii")) if ca else ssl.create_default_context()
    except (ssl.SSLError, ValueError) as error:
        raise ConnectionConfigError(f"certificate-authority in the kubeconfig holds no certificate: {error}") from None
    if insecure:
        trusted.check_hostname = False
        trusted.verify_mode = ssl.CERT_NONE
    if bool(certificate) != bool(key):
        raise ConnectionConfigError("the kubeconfig has a client certificate without its key, or a key without it")
    if certificate and key:
        load_client_certificate(trusted, certificate, key)
    return trusted


def load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give an SSL context its client certificate. Raises `ConnectionConfigError` where they do not fit together."""
    # OpenSSL's binding takes files only; they are in a private folder and gone at once.
    with tempfile.TemporaryDirectory(prefix="trueup-tls-") as folder:
        certificate_path, key_path = Path(folder, "crt"), Path(folder, "key")
        certificate_path.write_bytes(certificate)
        key_path.touch(mode=0o600)
        key_path.write_bytes(key)
        try:
            context.load_cert_chain(certificate_path, key_path, password=lambda: b"")
        except (ssl.SSLError, ValueError, OSError):
            raise ConnectionConfigError("the client certificate and key cannot be used together") from None


# ----------------------------------------------------------------------------------------------- in a cluster


def in_cluster(environment: Mapping[str, str] | None = None, account: Path = _ACCOUNT) -> Connection:
    """Give the connection of the pod this process runs in; the token is read again when it is renewed.

    Raises `ConnectionConfigError` where this process runs in no pod.
    """
    variables = os.environ if environment is None else environment
    host, port = variables.get("KUBERNETES_SERVICE_HOST"), variables.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (account / "token").exists():
        raise ConnectionConfigError("not running in a pod (no service account): pass --kubeconfig")
    try:
        ca = (account / "ca.crt").read_bytes()
        namespace = (account / "namespace").read_text().strip()
    except OSError as error:
        raise ConnectionConfigError(f"cannot read the pod's service account: {error}") from error
    return Connection(
        f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ssl_context=_ssl_context(ca=ca, certificate=None, key=None),
        credentials=TokenFile(account / "token"),
        namespace=namespace or "default",
    )


def default_connection(kubeconfig: str = "", context: str = "") -> Connection:
    """Give the connection a command means: the named kubeconfig, else the pod's account, else kubectl's kubeconfig.

    Raises `ConnectionConfigError`.
    """
    if kubeconfig:
        return from_kubeconfig(load_kubeconfig(Path(kubeconfig).expanduser()), context=context)
    if not context and not os.environ.get("KUBECONFIG") and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster()
    return from_kubeconfig(load_kubeconfig(*kubeconfig_paths()), context=context)
