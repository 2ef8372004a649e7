"""Finds how to be let in at a source: the Secret it names (Flux), or the one that Argo CD keeps for its URL.

Argo CD's Secrets bear the label `argocd.argoproj.io/secret-type` and lie in its own namespace: a `repository` is for
one URL exactly, `repo-creds` for all that begin with theirs, the longest first. Secrets are read through ports; none of
their values appears in a message.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import msgspec

from trueup.core.model.artifact import Fault, SourceCredentials, SourceError
from trueup.core.model.dialect import labels_of
from trueup.core.model.git import GitSpec
from trueup.core.model.objects import Body
from trueup.core.model.unit import SourceDeclaration, ValueRef
from trueup.core.ports import Values
from trueup.core.repository.helm import HelmSpec
from trueup.core.repository.oci import SCHEME, OciSpec
from trueup.core.repository.url import read_repository_url
from trueup.dialects.argo.application.types import GROUP as ARGO_GROUP
from trueup.dialects.decode import mapping_of, metadata_of, text_of

SECRET_TYPE = "argocd.argoproj.io/secret-type"
REPOSITORY, TEMPLATE = "repository", "repo-creds"
HOST_KEYS, HOST_CERTIFICATES = "argocd-ssh-known-hosts-cm", "argocd-tls-certs-cm"
"""ConfigMaps of Argo CD: `ssh_known_hosts`, and the certificates of each host by its name."""

Data: TypeAlias = Mapping[str, bytes]
_CERTIFICATES = ("ca.crt", "tls.crt", "tls.key", "caFile", "certFile", "keyFile")
_DOCKER_CONFIG = ".dockerconfigjson"
_OF_CHARTS = frozenset({"username", "password", _DOCKER_CONFIG, *_CERTIFICATES})
APP_KEYS = ("githubAppID", "githubAppInstallationID", "githubAppPrivateKey")
"""What is needed to be let in as a GitHub App."""

_APP_KEYS = (*APP_KEYS, "gcpServiceAccountKey", "azureServicePrincipalClientId")


class SecretCredentials:
    """Credentials by Secret, for every dialect.

    `values` reads a Secret by name; `secrets` gives the bodies of all Secrets with Argo CD's label, of any namespace;
    `home` is the namespace in which they count.
    """

    def __init__(self, values: Values, secrets: Callable[[], Iterable[Body]], home: str = "argocd") -> None:
        """Take the ports; nothing is read before it is asked for."""
        self._values = values
        self._secrets = secrets
        self._home = home

    async def of(self, declaration: SourceDeclaration) -> SourceCredentials | None:
        """Give the credentials, `None` for anonymous access. Raises `SourceError` where a named Secret is not there."""
        if declaration.ref.group == ARGO_GROUP:
            charts = isinstance(declaration.spec, HelmSpec)
            wanted = Wanted(declaration.spec.url, declaration.project, charts)
            found, names = _found(wanted, self._secrets(), self._home)
            data = await self._with_hosts(declaration.spec.url, found)
            keys = await self._signers(declaration)
            if data is None and keys is None:
                return None
            readable = _readable(data or {}, declaration.spec.url, names)
            return msgspec.structs.replace(readable, keys=dict(keys or {}))
        secret = await self._named(declaration, declaration.credentials)
        proxy = await self._named(declaration, declaration.proxy)
        certificates = await self._named(declaration, declaration.certificates)
        keys = await self._keys(declaration)
        if secret is None and proxy is None and certificates is None and keys is None:
            return None
        if isinstance(declaration.spec, OciSpec):
            secret = _of_registry(declaration, secret)
        elif isinstance(declaration.spec, HelmSpec) and secret is not None:
            # Other keys would have meanings that they do not have in Flux.
            secret = {key: value for key, value in secret.items() if key in _OF_CHARTS}
        elif isinstance(declaration.spec, GitSpec):
            _check_app(declaration, declaration.spec, secret)
        if proxy is not None and not proxy.get("address"):
            ref = declaration.proxy
            where = f"{ref.namespace}/{ref.name}" if ref else ""
            raise SourceError(Fault.CREDENTIALS, f"proxy Secret {where} of {declaration.ref} has no key 'address'")
        named = declaration.credentials
        where = f"{named.namespace}/{named.name}" if secret is not None and named is not None else ""
        known = {key: value for key, value in (certificates or {}).items() if key in _CERTIFICATES}
        return SourceCredentials({**(secret or {}), **known}, dict(proxy or {}), dict(keys or {}), where)

    async def _signers(self, declaration: SourceDeclaration) -> Data | None:
        """Give the keys of Argo CD that a project lets sign. Raises `SourceError` where one is not there."""
        ref, spec = declaration.keys, declaration.spec
        if ref is None or not isinstance(spec, GitSpec):
            return None
        known = await self._values.read(ref.kind, ref.namespace, ref.name) or {}
        wanted = {one[-16:].upper(): one for one in spec.signers}
        found = {name: raw for name, raw in known.items() if name[-16:].upper() in wanted}
        missing = [one for short, one in wanted.items() if short not in {name[-16:].upper() for name in found}]
        if missing:
            words = (
                f"project {declaration.project} wants signatures of {', '.join(missing)}, and {ref.kind} "
                f"{ref.namespace}/{ref.name} has no such key; add it by `argocd gpg add`, "
                "or remove it from signatureKeys"
            )
            raise SourceError(Fault.UNVERIFIED, words)
        return found

    async def _keys(self, declaration: SourceDeclaration) -> Data | None:
        """Give the keys whose signatures count. Raises `SourceError` (UNVERIFIED) where their Secret is not there."""
        try:
            return await self._named(declaration, declaration.keys)
        except SourceError as error:
            raise SourceError(Fault.UNVERIFIED, f"PGP public keys secret error: {error}") from error

    async def of_charts(self, repository: str, project: str) -> tuple[str, SourceCredentials | None] | None:
        """Give the URL and credentials of a repository of charts that a chart names, by its URL or as `@name`.

        `None` where no Secret of Argo CD's declares it for the project.
        """
        alias = repository.removeprefix("alias:") if repository.startswith("alias:") else ""
        alias = repository[1:] if repository.startswith("@") else alias
        url = _aliased(alias, self._secrets(), self._home, project) if alias else repository
        if not url:
            return None
        found, names = _found(Wanted(url, project, True), self._secrets(), self._home)
        if found is None:
            return None
        data = await self._with_hosts(url, found)
        return url, _readable(data or {}, url, names)

    async def _with_hosts(self, url: str, found: Data | None) -> Data | None:
        """Add what Argo CD keeps of hosts: their keys for ssh, or a host's certificates for https.

        A host's certificates count without any Secret too; a Secret's own go first.
        """
        try:
            parts = read_repository_url(url)
        except ValueError:
            return found
        if parts.scheme == "ssh" and found:
            configuration, key, name = HOST_KEYS, "ssh_known_hosts", "known_hosts"
        elif parts.scheme in ("https", "oci"):
            configuration, key, name = HOST_CERTIFICATES, parts.host, "ca.crt"
        else:
            return found
        kept = (await self._values.read("ConfigMap", self._home, configuration) or {}).get(key)
        return {name: kept, **(found or {})} if kept else found

    async def _named(self, declaration: SourceDeclaration, ref: ValueRef | None) -> Data | None:
        if ref is None:
            return None
        data = await self._values.read(ref.kind, ref.namespace, ref.name)
        if data is None:
            raise SourceError(
                Fault.CREDENTIALS,
                f"failed to get secret '{ref.namespace}/{ref.name}', which {declaration.ref} names: "
                "there is none; create it, and the source is fetched at once",
            )
        return data


def _check_app(declaration: SourceDeclaration, spec: GitSpec, secret: Data | None) -> None:
    """Raise `SourceError` where a GitHub App is asked for and none is given, or the other way round, as Flux has it."""
    missing = [key for key in APP_KEYS if not (secret or {}).get(key)]
    named = declaration.credentials
    where = f"secretRef '{named.namespace}/{named.name}'" if named is not None else "secretRef"
    if spec.app and missing:
        words = f"{where} with github app data must be specified when provider is set to github: it has no "
        raise SourceError(Fault.CREDENTIALS, words + ", ".join(missing))
    if not spec.app and (secret or {}).get(APP_KEYS[0]):
        words = f"{where} has github app data but provider is not set to github; set spec.provider to github"
        raise SourceError(Fault.CREDENTIALS, words)


def _of_registry(declaration: SourceDeclaration, secret: Data | None) -> Data | None:
    """Give what counts of a Secret for a registry, as Flux has it. Raises `SourceError` where it is of another type."""
    if secret is None:
        return None
    if not secret.get(_DOCKER_CONFIG):
        named = declaration.credentials
        where = f"{named.namespace}/{named.name}" if named is not None else ""
        raise SourceError(
            Fault.CREDENTIALS,
            f"Secret {where} of {declaration.ref} has no key '{_DOCKER_CONFIG}'; make one by "
            "`kubectl create secret docker-registry`",
        )
    return {_DOCKER_CONFIG: secret[_DOCKER_CONFIG]}


def _aliased(name: str, secrets: Iterable[Body], home: str, project: str) -> str:
    """Give the URL of the repository of charts that is called so, empty where there is none."""
    for body in secrets:
        data = decoded(body)
        kind, called, whose = (data.get(key, b"").decode(errors="replace") for key in ("type", "name", "project"))
        own = labels_of(body).get(SECRET_TYPE) == REPOSITORY and text_of(metadata_of(body), "namespace") == home
        if own and kind == "helm" and called == name and whose in ("", project):
            url = data.get("url", b"").decode(errors="replace")
            return url if "://" in url else f"{SCHEME}{url}"
    return ""


class Wanted(msgspec.Struct, frozen=True):
    """What credentials are sought for: a URL, a project, and whether charts lie there."""

    url: str
    project: str = ""
    charts: bool = False


def _found(sought: Wanted, secrets: Iterable[Body], home: str) -> tuple[Data | None, str]:
    """Give the decoded data of the Secret for a URL, and the Secret that the password or key comes from.

    It is its own `repository`, completed from the longest `repo-creds`: upstream takes credentials from the template
    where the repository's own Secret brings none. A Secret that names a project is for that one's Applications alone,
    and theirs before those that are everybody's.
    """
    wanted, project = normal_url(sought.url), sought.project
    own: Data | None = None
    template: Data | None = None
    own_name = template_name = ""
    best = (-1, False)
    for body in sorted(secrets, key=lambda item: text_of(metadata_of(item), "name")):
        kind = labels_of(body).get(SECRET_TYPE)
        if kind not in (REPOSITORY, TEMPLATE) or text_of(metadata_of(body), "namespace") != home:
            continue
        data = decoded(body)
        name = f"{home}/{text_of(metadata_of(body), 'name')}"
        its = _its_url(data, wanted.startswith(SCHEME), sought.charts)
        whose = data.get("project", b"").decode(errors="replace")
        if not its or whose not in ("", project):
            continue
        if kind == REPOSITORY:
            if its == wanted and (own is None or (whose and not own.get("project"))):
                own, own_name = data, name
        elif (len(its), bool(whose)) > best and _begins(wanted, its):
            template, template_name, best = data, name, (len(its), bool(whose))
    if own is None and template is None:
        return None, ""
    if own is None or (template is not None and not _brings(own)):
        return {**(template or {}), **(own or {})}, template_name or own_name
    return own, own_name


def _its_url(data: Data, registry: bool, charts: bool) -> str:
    """Give the URL that a Secret is for in its one form; empty where it is for another kind of repository."""
    kind, url = (data.get(key, b"").decode(errors="replace") for key in ("type", "url"))
    if not registry:
        fits = kind == "helm" and data.get("enableOCI") != b"true" if charts else kind in ("", "git")
        return normal_url(url) if fits and not url.startswith(SCHEME) else ""
    if kind != "oci" and not (kind == "helm" and data.get("enableOCI") == b"true"):
        return ""
    # Helm's repositories in registries are written without a scheme.
    return normal_url(url if "://" in url else f"{SCHEME}{url}") if url else ""


def _brings(data: Data) -> bool:
    return any(data.get(key) for key in ("password", "bearerToken", "sshPrivateKey", "tlsClientCertData", *_APP_KEYS))


def _begins(url: str, prefix: str) -> bool:
    """Say whether a URL lies below a template's.

    As upstream has it, a template that ends inside a name also fits what the name goes on with; inside the host it does
    not, so that no other host gets the credentials.
    """
    if not url.startswith(prefix):
        return False
    rest = url[len(prefix) :]
    inside_host = "/" not in prefix.partition("://")[2]
    return not rest or not inside_host or rest[0] == "/"


def normal_url(url: str) -> str:
    """Bring a repository's URL to upstream's one form: ssh for `git@host:path`, lower case, no user or `.git`."""
    text = url.strip().lower()
    try:
        parts = read_repository_url(text)
    except ValueError:
        return text.removesuffix("/").removesuffix(".git")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".removesuffix("/").removesuffix(".git")


def decoded(body: Body) -> dict[str, bytes]:
    """Give a Secret's data, decoded; `stringData` counts too, and what is no base64 is left out."""
    data: dict[str, bytes] = {}
    for key, value in mapping_of(body, "data").items():
        if isinstance(value, str):
            try:
                data[key] = base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                continue
    data.update(
        {key: value.encode() for key, value in mapping_of(body, "stringData").items() if isinstance(value, str)}
    )
    return data


def _readable(data: Data, url: str, secret: str) -> SourceCredentials:
    """Give what was found. Raises `SourceError` where it holds only a way of access that is not supported."""
    if not any(data.get(key) for key in ("password", "bearerToken", "sshPrivateKey")):
        given = [key for key in _APP_KEYS if data.get(key)]
        missing = [key for key in APP_KEYS if not data.get(key)]
        if given and given[0] in APP_KEYS and missing:
            words = f"Secret {secret} for {normal_url(url)} brings {given[0]} without {' and '.join(missing)}; add them"
            raise SourceError(Fault.CREDENTIALS, words)
        unsupported = [key for key in given if key not in APP_KEYS]
        if unsupported:
            raise SourceError(
                Fault.CREDENTIALS,
                f"Secret {secret} for {normal_url(url)} brings {unsupported[0]}, which is not supported yet; "
                "give it a username and password, or an sshPrivateKey",
            )
    return SourceCredentials(dict(data), secret=secret)
