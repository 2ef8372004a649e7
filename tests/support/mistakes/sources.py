"""Mistakes about where things come from and where they go: repository, revision, credentials, path, project."""

from support.mistakes.manifests import MAP
from support.mistakes.mistake import ARGO, FLUX, PRIVATE, URL, Mistake

FILES = {"map.yaml": MAP}


def project(name: str, spec: str) -> str:
    """Write a project."""
    metadata = f"metadata: {{name: {name}, namespace: argocd}}"
    return f"apiVersion: argoproj.io/v1alpha1\nkind: AppProject\n{metadata}\nspec: {{{spec}}}\n"


SOURCES = {
    "branch-typo": Mistake(
        files=FILES,
        source={"ref": {"branch": "mian"}},
        argo={"source": {"targetRevision": "mian"}},
        cause=("mian",),
        remedy=("check its spelling, or push it",),
        log=True,
        event=False,
    ),
    "tag-typo": Mistake(
        files=FILES,
        source={"ref": {"tag": "v1.0.1"}},
        argo={"source": {"targetRevision": "v1.0.1"}},
        cause=("v1.0.1",),
        remedy=("check its spelling, or push it",),
        log=True,
        event=False,
    ),
    "commit-unknown": Mistake(
        files=FILES,
        source={"ref": {"commit": "0123456789012345678901234567890123456789"}},
        argo={"source": {"targetRevision": "0123456789012345678901234567890123456789"}},
        cause=("0123456789",),
        remedy=("push the commit",),
        log=True,
        event=False,
    ),
    "version-range": Mistake(
        files=FILES,
        dialects=FLUX,
        source={"ref": {"semver": ">=9.0.0"}},
        cause=(">=9.0.0",),
        remedy=("v1.0.0",),
        log=True,
        event=False,
    ),
    "repository-typo": Mistake(
        files=FILES,
        source={"url": URL + "s"},
        argo={"source": {"repoURL": URL + "s"}},
        cause=("https://github.com/team/mistakess",),
        remedy=("spelling",),
        log=True,
        event=False,
    ),
    "repository-scheme": Mistake(
        files=FILES,
        source={"url": "github.com/team/mistakes"},
        argo={"source": {"repoURL": "github.com/team/mistakes"}},
        cause=("github.com/team/mistakes",),
        remedy=("https://",),
        log=True,
        event=False,
    ),
    "ssh-without-key": Mistake(
        files=FILES,
        source={"url": "ssh://git@github.com/team/mistakes"},
        argo={"source": {"repoURL": "git@github.com:team/mistakes.git"}},
        cause=("ssh needs a private key",),
        remedy=("known_hosts",),
        log=True,
        event=False,
    ),
    "password-missing": Mistake(
        files=FILES,
        source={"url": PRIVATE},
        argo={"source": {"repoURL": PRIVATE}},
        cause=(PRIVATE, "credentials"),
        remedy=("Secret", "username", "password"),
        log=True,
        event=False,
    ),
    "password-wrong": Mistake(
        files=FILES,
        source={"url": PRIVATE, "secretRef": {"name": "password-wrong"}},
        argo={"source": {"repoURL": PRIVATE + "-wrong"}},
        cluster="apiVersion: v1\nkind: Secret\nmetadata: {name: password-wrong, namespace: flux-system}\n"
        "stringData: {username: me, password: wrong-word}\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata: {name: password-wrong, namespace: argocd,"
        " labels: {argocd.argoproj.io/secret-type: repository}}\n"
        f"stringData: {{url: '{PRIVATE}-wrong', username: me, password: wrong-word}}\n",
        cause=(PRIVATE, "credentials"),
        remedy=("password-wrong", "password"),
        log=True,
        event=False,
    ),
    "secret-missing": Mistake(
        files=FILES,
        dialects=FLUX,
        source={"url": PRIVATE, "secretRef": {"name": "git-login"}},
        cause=("flux-system/git-login",),
        remedy=("create it",),
        log=True,
        event=False,
    ),
    "path-typo": Mistake(
        files=FILES,
        flux={"path": "./path-tipo"},
        argo={"source": {"path": "path-tipo"}},
        cause=("path-tipo",),
        remedy=("check its spelling", "root of the repository"),
    ),
    "path-file": Mistake(
        files=FILES,
        flux={"path": "./path-file/map.yaml"},
        argo={"source": {"path": "path-file/map.yaml"}},
        cause=("path-file/map.yaml",),
        remedy=("folder",),
    ),
    "source-typo": Mistake(
        files=FILES,
        dialects=FLUX,
        flux={"sourceRef": {"name": "mistaks"}},
        cause=("GitRepository/flux-system/mistaks", "does not exist"),
        remedy=("create it",),
    ),
    "source-kind": Mistake(
        files=FILES,
        dialects=FLUX,
        flux={"sourceRef": {"kind": "HelmChart", "name": "mistakes"}},
        cause=("HelmChart", "not supported"),
        remedy=("GitRepository",),
    ),
    "source-namespace": Mistake(
        files=FILES,
        dialects=FLUX,
        flux={"sourceRef": {"name": "mistakes", "namespace": "default"}},
        cause=("GitRepository/default/mistakes", "does not exist"),
        remedy=("create it",),
    ),
    "interval-unit": Mistake(
        files=FILES,
        dialects=FLUX,
        flux={"timeout": "5"},
        cause=("spec.timeout", "'5'"),
        remedy=("5m",),
    ),
    "decryption": Mistake(
        files=FILES,
        dialects=FLUX,
        flux={"decryption": {"provider": "sops", "secretRef": {"name": "sops-keys"}}},
        cause=("Secret/", "sops-keys", "does not exist"),
        remedy=("create it",),
    ),
    "project-missing": Mistake(
        files=FILES,
        dialects=ARGO,
        argo={"project": "shop"},
        cause=("project shop", "does not exist"),
        remedy=("AppProject",),
    ),
    "project-repository": Mistake(
        files=FILES,
        dialects=ARGO,
        argo={"project": "project-repository"},
        cluster=project(
            "project-repository",
            "sourceRepos: ['https://github.com/other/*'], destinations: [{server: '*', namespace: '*'}]",
        ),
        cause=("is not permitted in project project-repository",),
        remedy=("sourceRepos",),
    ),
    "project-destination": Mistake(
        files=FILES,
        dialects=ARGO,
        argo={"project": "project-destination"},
        cluster=project("project-destination", "sourceRepos: ['*'], destinations: [{server: '*', namespace: shop}]"),
        cause=("do not match any of the allowed destinations",),
        remedy=("destinations",),
    ),
    "project-kind": Mistake(
        files={"ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: project-kind-more}\n"},
        dialects=ARGO,
        argo={"project": "project-kind"},
        cluster=project("project-kind", "sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}]"),
        cause=("Namespace", "project-kind"),
        remedy=("clusterResourceWhitelist",),
    ),
    "destination-other": Mistake(
        files=FILES,
        dialects=ARGO,
        argo={"destination": {"server": "https://10.0.0.1:6443"}},
        cause=("https://10.0.0.1:6443", "another cluster"),
        remedy=("https://kubernetes.default.svc",),
    ),
    "destination-none": Mistake(
        files=FILES,
        dialects=ARGO,
        argo={"destination": {"server": None}},
        cause=("spec.destination names no cluster",),
        remedy=("https://kubernetes.default.svc",),
    ),
    "destination-namespace": Mistake(
        files=FILES,
        dialects=ARGO,
        argo={"destination": {"namespace": None}},
        cause=("ConfigMap/settings", "namespace"),
        remedy=("spec.destination.namespace",),
    ),
    "chart-version": Mistake(
        files=FILES,
        dialects=ARGO,
        argo={
            "source": {
                "chart": "nginx",
                "repoURL": "https://charts.example.com",
                "path": None,
                "targetRevision": None,
            }
        },
        cause=("spec.source.targetRevision is required",),
        remedy=("a range such as 1.x",),
    ),
    "option-typo": Mistake(
        files=FILES,
        dialects=ARGO,
        argo={"syncPolicy": {"syncOptions": ["CreateNamespaces=true"]}},
        cause=("CreateNamespaces=true",),
        remedy=("is unknown and has no effect",),
        works=True,
    ),
    "field-of-unit": Mistake(
        files=FILES,
        flux={"tragetNamespace": "shop"},
        argo={"tragetNamespace": "shop"},
        cause=("unknown field spec.tragetNamespace",),
        remedy=("it is kept and has no effect",),
        works=True,
    ),
}
