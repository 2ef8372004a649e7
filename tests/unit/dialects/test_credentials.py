"""The Secret that lets Trueup in: by name for Flux, by URL for Argo CD."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.unit.dialects.samples import APPLICATION, ARTIFACT, REPOSITORY, changed, translated

from trueup.core.model.artifact import Fault, SourceError
from trueup.core.model.dialect import Context
from trueup.core.model.git import GitSpec, Verification
from trueup.core.model.unit import SourceDeclaration
from trueup.dialects import Argo
from trueup.dialects.credentials import SecretCredentials, normal_url
from trueup.git.credentials import GitCredentials, git_credentials


class Known:
    """Secrets of Flux' namespace and ConfigMaps of Argo CD's, by name."""

    def __init__(self, **data: dict[str, bytes]) -> None:
        self.data = data

    async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        assert (kind, namespace) in {("Secret", "flux-system"), ("ConfigMap", "argocd")}
        return self.data.get(name)


def secret(name: str, kind: str, namespace: str = "argocd", **data: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"argocd.argoproj.io/secret-type": kind}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def app(url: str) -> SourceDeclaration:
    return translated(changed(APPLICATION, {"source": {"repoURL": url, "path": "a"}})).sources[0]


async def found(url: str, *secrets: dict[str, Any], known: Known | None = None) -> GitCredentials | None:
    return git_credentials(await SecretCredentials(known or Known(), lambda: secrets).of(app(url)))


async def test_a_named_secret_is_read_with_its_proxy() -> None:
    source = translated(
        changed(REPOSITORY, {"secretRef": {"name": "key"}, "proxySecretRef": {"name": "proxy"}})
    ).sources[0]
    known = Known(key={"username": b"u", "password": b"p"}, proxy={"address": b"http://proxy:3128"})
    creds = git_credentials(await SecretCredentials(known, list).of(source))
    assert creds is not None and (creds.username, creds.password, creds.proxy) == ("u", "p", "http://proxy:3128")


async def test_a_named_secret_that_is_not_there_is_an_error_that_names_it() -> None:
    source = translated(changed(REPOSITORY, {"secretRef": {"name": "key"}})).sources[0]
    with pytest.raises(SourceError, match="flux-system/key") as error:
        await SecretCredentials(Known(), list).of(source)
    assert error.value.fault is Fault.CREDENTIALS and not error.value.stalled


async def test_without_a_secret_access_is_anonymous() -> None:
    assert await SecretCredentials(Known(), list).of(translated(REPOSITORY).sources[0]) is None
    assert await found("https://git.example/shop") is None


async def test_the_repositorys_own_secret_wins_over_templates() -> None:
    own = secret("own", "repository", url="https://git.example/shop.git", password="own")
    template = secret("all", "repo-creds", url="https://git.example", password="all")
    creds = await found("https://git.example/Shop", template, own)
    assert creds is not None and creds.password == "own"


async def test_the_longest_template_wins_and_completes_a_repository_without_credentials() -> None:
    short = secret("a", "repo-creds", url="https://git.example", username="u", password="short")
    long = secret("b", "repo-creds", url="https://git.example/team", username="u", password="long")
    own = secret("c", "repository", url="https://git.example/team/shop", insecure="true")
    creds = await found("https://git.example/team/shop", long, short, own)
    assert creds is not None and creds.password == "long" and creds.insecure
    other = await found("https://git.example/other", long, short)
    assert other is not None and other.password == "short"


@pytest.mark.parametrize(
    "url", ["https://git.example.evil/shop", "https://git.example:8443/shop", "https://git.exam/x"]
)
async def test_a_template_never_lets_in_at_another_host(url: str) -> None:
    assert await found(url, secret("a", "repo-creds", url="https://git.example", password="p")) is None


async def test_secrets_outside_the_home_namespace_do_not_count() -> None:
    planted = secret("a", "repository", "team", url="https://git.example/shop", password="p")
    assert await found("https://git.example/shop", planted) is None


async def test_secrets_of_other_kinds_of_repositories_do_not_count() -> None:
    assert (
        await found("https://x/shop", secret("a", "repository", url="https://x/shop", type="helm", password="p"))
        is None
    )


async def test_a_charts_repository_has_secrets_of_its_own_type() -> None:
    def chart(url: str) -> SourceDeclaration:
        source = {"repoURL": url, "chart": "web", "targetRevision": "1.x"}
        return translated(changed(APPLICATION, {"source": source})).sources[0]

    git = secret("a", "repository", url="https://x/stable", password="git")
    helm = secret("b", "repository", url="https://x/stable", type="helm", password="helm")
    hub = secret("c", "repo-creds", url="x/charts", type="helm", enableOCI="true", password="hub")
    credentials = SecretCredentials(Known(), lambda: (git, helm, hub))
    for url, password in (("https://x/stable", b"helm"), ("x/charts", b"hub"), ("x/charts/team", b"hub")):
        creds = await credentials.of(chart(url))
        assert creds is not None and creds.data["password"] == password
    assert await credentials.of(chart("https://x/other")) is None


async def test_a_way_in_that_is_not_supported_is_named_without_its_value() -> None:
    app_secret = secret("a", "repository", url="https://x/shop", githubAppPrivateKey="hidden")
    with pytest.raises(SourceError, match="githubAppPrivateKey") as error:
        await found("https://x/shop", app_secret)
    assert "hidden" not in str(error.value)


HOSTS = Known(
    **{
        "argocd-ssh-known-hosts-cm": {"ssh_known_hosts": b"git.example.com ssh-ed25519 AAAA"},
        "argocd-tls-certs-cm": {"git.example.com": b"its certificate"},
    }
)


async def test_the_keys_of_hosts_are_those_that_argo_cd_keeps() -> None:
    key = secret("ssh", "repo-creds", url="git@git.example.com:team", sshPrivateKey="key")
    creds = await found("git@git.example.com:team/shop.git", key, known=HOSTS)
    assert creds is not None and creds.known_hosts == "git.example.com ssh-ed25519 AAAA"
    assert await found("git@git.example.com:other/shop.git", key, known=HOSTS) is None


async def test_a_hosts_certificate_counts_with_and_without_a_secret() -> None:
    creds = await found("https://git.example.com/team/shop", known=HOSTS)
    assert creds is not None and (creds.ca, creds.username) == ("its certificate", "")
    own = secret("one", "repository", url="https://git.example.com/team/shop", username="u", password="p")
    creds = await found("https://git.example.com/team/shop", own, known=HOSTS)
    assert creds is not None and (creds.ca, creds.username) == ("its certificate", "u")
    assert await found("https://other.example.com/team/shop", known=HOSTS) is None


def test_one_repository_has_one_url() -> None:
    assert (
        normal_url("git@Git.example:team/shop.git")
        == normal_url("ssh://git@git.example/team/shop")
        == ("ssh://git.example/team/shop")
    )
    assert normal_url("https://user@git.example/shop/") == "https://git.example/shop"


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        ({"type": "oci", "url": "oci://hub.example/team/app"}, True),
        ({"type": "helm", "enableOCI": "true", "url": "hub.example/team/app"}, True),
        ({"type": "helm", "url": "hub.example/team/app"}, False),
        ({"type": "git", "url": "oci://hub.example/team/app"}, False),
        ({"url": "https://hub.example/team/app"}, False),
    ],
)
async def test_a_registrys_secret_is_of_its_own_type(data: dict[str, str], counts: bool) -> None:
    body = secret("hub", "repository", password="p", **data)
    assert (await found("oci://hub.example/team/app", body) is not None) is counts
    assert (await found("https://hub.example/team/app", body) is not None) is ("type" not in data)


async def test_an_ocirepository_takes_a_docker_configuration_and_certificates_of_another_secret() -> None:
    class Named:
        async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
            known = {
                "login": {".dockerconfigjson": b"{}", "ca.crt": b"not this one"},
                "ca": {"ca.crt": b"CA", "password": b"nor this"},
                "opaque": {"username": b"u", "password": b"p"},
            }
            return known.get(name)

    spec = {"secretRef": {"name": "login"}, "certSecretRef": {"name": "ca"}}
    source = translated(changed(ARTIFACT, spec)).sources[0]
    creds = await SecretCredentials(Named(), list).of(source)
    assert creds is not None and creds.data == {".dockerconfigjson": b"{}", "ca.crt": b"CA"}
    source = translated(changed(ARTIFACT, {"secretRef": {"name": "opaque"}})).sources[0]
    with pytest.raises(SourceError, match=r"has no key '\.dockerconfigjson'"):
        await SecretCredentials(Named(), list).of(source)


APP = {"githubAppID": b"7", "githubAppInstallationID": b"42", "githubAppPrivateKey": b"KEY"}


async def of_app(spec: dict[str, object], data: dict[str, bytes]) -> GitCredentials | None:
    class Named:
        async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
            return data

    source = translated(changed(REPOSITORY, {"secretRef": {"name": "app"}, **spec})).sources[0]
    assert not source.problems
    return git_credentials(await SecretCredentials(Named(), list).of(source))


async def test_a_github_app_is_taken_where_the_provider_says_so() -> None:
    creds = await of_app({"provider": "github"}, {**APP, "githubAppBaseURL": b"https://ghe.example/api/v3"})
    assert creds is not None and (creds.app_id, creds.app_installation, creds.app_key) == ("7", "42", "KEY")
    assert creds.app_api == "https://ghe.example/api/v3" and "KEY" not in repr(creds)
    with pytest.raises(SourceError, match=r"'flux-system/app' with github app data must be specified.*PrivateKey"):
        await of_app({"provider": "github"}, {"username": b"u", "password": b"p"})
    with pytest.raises(SourceError, match="has github app data but provider is not set to github"):
        await of_app({}, APP)


async def test_an_application_takes_a_github_app() -> None:
    data = {key: value.decode() for key, value in APP.items()}
    data |= {"url": "https://x/shop", "githubAppEnterpriseBaseUrl": "https://x/api/v3"}
    app_secret = secret("a", "repository", **data)
    creds = await found("https://x/shop", app_secret)
    assert creds is not None and creds.app_key == "KEY" and creds.app_api == "https://x/api/v3"


def of_project(*key_ids: str, url: str = "https://x/shop") -> SourceDeclaration:
    spec = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    keys = [{"keyID": one} for one in key_ids]
    project = {"metadata": {"name": "team", "namespace": "argocd"}, "spec": {**spec, "signatureKeys": keys}}
    body = changed(APPLICATION, {"project": "team", "source": {"repoURL": url, "path": "a"}})
    context = Context(projects={("argocd", "team"): project})
    return Argo().translate(body, context).sources[0]


async def test_a_project_says_whose_signatures_count() -> None:
    keys = Known(**{"argocd-gpg-keys-cm": {"4AEE18F83AFDEB23": b"ANN", "1111111111111111": b"EVE"}})
    source = of_project("F2C7D54A4AEE18F83AFDEB23")
    assert not source.problems and isinstance(source.spec, GitSpec) and source.spec.verify is Verification.ANY
    creds = await SecretCredentials(keys, list).of(source)
    assert creds is not None and creds.keys == {"4AEE18F83AFDEB23": b"ANN"}
    with pytest.raises(
        SourceError, match="wants signatures of 2222222222222222, and ConfigMap argocd/argocd-gpg"
    ) as bad:
        await SecretCredentials(keys, list).of(of_project("4AEE18F83AFDEB23", "2222222222222222"))
    assert bad.value.fault is Fault.UNVERIFIED
    plain = of_project()
    assert isinstance(plain.spec, GitSpec) and plain.spec.verify is Verification.NOTHING and plain.keys is None
    registry = of_project("4AEE18F83AFDEB23", url="oci://hub.example/app")
    assert any("asks for signatures, which oci://hub.example/app cannot bear" in text for text in registry.problems)
