"""An Application becomes a unit and its source, or says what it lacks."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.dialects.samples import APPLICATION, changed, translated, unit_of

from trueup.core.model.dialect import Context
from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import AutoRecipe, DirectoryRecipe, HelmRecipe, ImageOverride, KustomizeRecipe
from trueup.core.model.unit import DeletionPolicy, Operation, Retry, ReturnPolicy

FINALIZER = "resources-finalizer.argocd.argoproj.io"


def with_source(**parts: Any) -> dict[str, Any]:
    return changed(APPLICATION, {"source": {**APPLICATION["spec"]["source"], **parts}})


def test_the_unit_is_its_own_source_and_is_polled_at_argos_pace() -> None:
    unit, sources = translated(APPLICATION).unit, translated(APPLICATION).sources
    assert unit is not None and not unit.problems and not unit.warnings
    assert [source.ref for source in sources] == [unit.ref] == [unit.source]
    assert sources[0].spec.url == "https://git.example/shop" and sources[0].spec.ref.revision == "main"
    assert 120 <= sources[0].interval <= 180
    assert isinstance(unit.recipe, AutoRecipe) and unit.recipe.path == "web"
    assert unit.recipe.helm.release_name == "web" and unit.recipe.helm.namespace == "shop"


def test_without_a_revision_it_is_head() -> None:
    source = {key: APPLICATION["spec"]["source"][key] for key in ("repoURL", "path")}
    assert translated(changed(APPLICATION, {"source": source})).sources[0].spec.ref.revision == "HEAD"


def test_without_automated_nothing_is_done_by_itself() -> None:
    policy = unit_of(APPLICATION).policy
    assert (policy.automated, policy.heal, policy.prune) == (False, False, False)


@pytest.mark.parametrize(
    ("automated", "expected"),
    [
        ({}, (True, False, False)),
        ({"selfHeal": True}, (True, True, False)),
        ({"prune": True, "selfHeal": True}, (True, True, True)),
        ({"enabled": False, "prune": True, "selfHeal": True}, (False, False, False)),
    ],
)
def test_automated_says_what_is_done_by_itself(automated: Any, expected: Any) -> None:
    policy = unit_of(changed(APPLICATION, {"syncPolicy": {"automated": automated}})).policy
    assert (policy.automated, policy.heal, policy.prune) == expected


def test_sync_options_and_retry_are_read() -> None:
    unit = unit_of(
        changed(
            APPLICATION,
            {
                "syncPolicy": {
                    "automated": {"prune": True},
                    "syncOptions": [
                        "CreateNamespace=true",
                        "PruneLast=true",
                        "FailOnSharedResource=true",
                        "Replace=true",
                        "ServerSideApply=true",
                        "PrunePropagationPolicy=background",
                    ],
                    "managedNamespaceMetadata": {"labels": {"team": "shop"}},
                    "retry": {"limit": 2, "backoff": {"duration": "10", "factor": 3, "maxDuration": "1m"}},
                }
            },
        )
    )
    assert unit.target.create_namespace and unit.target.namespace_labels == {"team": "shop"}
    policy = unit.policy
    assert policy.prune_last and policy.fail_on_shared and policy.replace and policy.propagation == "Background"
    assert policy.retry == Retry(limit=2, base=10, factor=3, cap=60)
    assert not unit.warnings and not unit.problems


def test_an_option_without_effect_is_named() -> None:
    unit = unit_of(changed(APPLICATION, {"syncPolicy": {"syncOptions": ["RespectIgnoreDifferences=true", "Nope=1"]}}))
    assert len(unit.warnings) == 2 and not unit.problems


def test_ignored_differences_keep_drift_from_being_healed() -> None:
    unit = unit_of(
        changed(
            APPLICATION,
            {
                "syncPolicy": {"automated": {"selfHeal": True}},
                "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}],
            },
        )
    )
    assert not unit.policy.heal and any("not healed" in text for text in unit.warnings)


def test_naming_options_of_a_tool_picks_the_tool() -> None:
    helm = unit_of(with_source(helm={"releaseName": "r", "parameters": [{"name": "a", "value": "$ARGOCD_APP_NAME"}]}))
    assert isinstance(helm.recipe, HelmRecipe)
    assert helm.recipe.release_name == "r" and helm.recipe.parameters[0].value == "web"
    built = unit_of(with_source(kustomize={"images": ["nginx:1.21"], "replicas": [{"name": "web", "count": "3"}]}))
    assert isinstance(built.recipe, KustomizeRecipe)
    assert built.recipe.images == (ImageOverride("nginx", new_tag="1.21"),) and built.recipe.replicas[0].count == 3
    plain = unit_of(with_source(directory={"recurse": True}))
    assert isinstance(plain.recipe, DirectoryRecipe) and plain.recipe.recurse
    assert isinstance(unit_of(with_source(directory={})).recipe, AutoRecipe)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"source": None}, "spec.source is required"),
        ({"source": {"path": "web"}}, "spec.source.repoURL is required"),
        ({"source": {"repoURL": "https://x", "path": "../etc"}}, "leads out of the repository"),
        ({"source": {"repoURL": "https://x", "path": "/etc"}}, "absolute"),
        ({"source": {"repoURL": "https://x", "path": "a", "helm": {"skipCrds": "yes"}}}, "spec.source.helm.skipCrds"),
        (
            {"source": {"repoURL": "https://x", "path": "a", "helm": {"values": "a"}, "directory": {"recurse": True}}},
            "multiple application sources defined: Helm,Directory",
        ),
        ({"sources": [{"repoURL": "https://x", "ref": "a"}, {"repoURL": "https://y", "ref": "b"}]}, "delivers nothing"),
        ({"sources": [{"repoURL": "https://x", "path": "a", "ref": "v"}] * 2}, "several sources are called 'v'"),
        ({"sources": [{"repoURL": "https://x", "path": "a", "ref": "a/b"}]}, "letters, digits"),
        (
            {"sources": [{"repoURL": "https://x", "path": "a"}, {"repoURL": "https://y", "chart": "c"}]},
            "sources[1].targetRevision is required",
        ),
        ({"sources": [{"repoURL": "https://x", "path": "a"}, {"path": "b"}]}, "repoURL is required"),
        (
            {"sources": [{"repoURL": "https://x", "path": "a", "helm": {"valueFiles": ["$values/a.yaml"]}}]},
            "no source is called 'values'",
        ),
        ({"destination": {"server": "https://other"}}, "another cluster"),
        ({"destination": {"name": "in-cluster", "server": "https://kubernetes.default.svc"}}, "both name and server"),
        ({"destination": {"namespace": "x"}}, "names no cluster"),
        ({"project": "shop"}, "project shop which does not exist"),
        ({"syncPolicy": {"retry": {"backoff": {"duration": "soon"}}}}, "'soon' is no duration"),
    ],
)
def test_what_cannot_be_done_is_a_problem_that_names_its_field(spec: dict[str, Any], words: str) -> None:
    unit = unit_of(changed(APPLICATION, spec))
    assert any(words in text for text in unit.problems), unit.problems
    assert unit.recipe == DirectoryRecipe(path=".")


def test_a_wrong_type_loses_only_its_own_field() -> None:
    unit = unit_of(changed(APPLICATION, {"syncPolicy": {"automated": {"prune": "yes", "selfHeal": True}}}))
    assert len(unit.problems) == 1 and "spec.syncPolicy.automated.prune" in unit.problems[0]
    assert unit.policy.heal and not unit.policy.prune and unit.target.namespace == "shop"


@pytest.mark.parametrize(
    ("finalizers", "deletion"),
    [
        ([], DeletionPolicy.ORPHAN),
        ([FINALIZER], DeletionPolicy.PRUNE_AND_WAIT_FOREVER),
        ([FINALIZER + "/background"], DeletionPolicy.PRUNE_AND_WAIT_FOREVER),
        (["other/finalizer"], DeletionPolicy.ORPHAN),
    ],
)
def test_the_finalizer_decides_what_deletion_does(finalizers: list[str], deletion: DeletionPolicy) -> None:
    unit = unit_of(changed(APPLICATION, finalizers=finalizers, deletionTimestamp="2026-11-24T10:00:00Z"))
    assert unit.deleting and unit.deletion is deletion
    assert unit.finalizer == (finalizers[0] if deletion is not DeletionPolicy.ORPHAN else "")


def test_the_spec_digest_names_what_is_delivered_and_not_when() -> None:
    digest = unit_of(APPLICATION).spec_digest
    automated = changed(APPLICATION, {"syncPolicy": {"automated": {"selfHeal": True}}}, generation=9)
    assert unit_of(automated).spec_digest == digest
    assert unit_of(with_source(path="api")).spec_digest != digest


def test_a_status_write_does_not_make_another_unit() -> None:
    assert unit_of({**changed(APPLICATION, generation=8), "status": {"sync": {"status": "Synced"}}}) == unit_of(
        APPLICATION
    )


def test_the_tracking_id_has_upstreams_form_to_be_filled_in() -> None:
    assert unit_of(APPLICATION).marks.annotations == {
        "argocd.argoproj.io/tracking-id": "web:{group}/{kind}:{home}/{name}"
    }


def test_another_namespace_needs_a_project_that_allows_it() -> None:
    body = changed(APPLICATION, {"project": "shop"}, namespace="team")
    project: dict[str, Any] = {
        "spec": {
            "sourceRepos": ["https://git.example/*"],
            "destinations": [{"server": "*", "namespace": "shop*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        }
    }
    context = Context(projects={("argocd", "shop"): project})
    assert any("not permitted to use project shop" in text for text in unit_of(body, context).problems)
    project["spec"]["sourceNamespaces"] = ["team"]
    unit = unit_of(body, context)
    assert not unit.problems
    assert unit.marks.annotations["argocd.argoproj.io/tracking-id"].startswith("team_web:")
    for field, value in (
        ("sourceRepos", ["https://other/*"]),
        ("destinations", []),
        ("syncWindows", [{"kind": "deny"}]),
    ):
        denied = Context(projects={("argocd", "shop"): {"spec": {**project["spec"], field: value}}})
        assert unit_of(body, denied).problems


EVERYWHERE = {"server": "*", "namespace": "*"}


@pytest.mark.parametrize(
    ("spec", "ref", "refused"),
    [
        ({}, ("", "ConfigMap", "shop", "a"), ""),
        ({}, ("", "ConfigMap", "other", "a"), "namespace other is not permitted in project 'shop'"),
        ({}, ("rbac.authorization.k8s.io", "ClusterRole", "", "a"), "rbac.authorization.k8s.io:ClusterRole"),
        ({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}, ("", "Namespace", "", "a"), ""),
        (
            {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "team-*"}]},
            ("", "Namespace", "", "team-a"),
            "",
        ),
        (
            {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "team-*"}]},
            ("", "Namespace", "", "victim"),
            "resource :Namespace is not permitted in project shop",
        ),
        (
            {
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
                "clusterResourceBlacklist": [{"group": "", "kind": "{Node,Namespace}"}],
            },
            ("", "Namespace", "", "a"),
            "resource :Namespace",
        ),
        (
            {"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]},
            ("", "Secret", "shop", "a"),
            "resource :Secret",
        ),
        (
            {"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]},
            ("", "Secret", "shop", "a"),
            "resource :Secret",
        ),
        ({"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}, ("apps", "Deployment", "shop", "a"), ""),
        (
            {"destinations": [EVERYWHERE, {"server": "*", "namespace": "!kube-*"}]},
            ("", "Secret", "kube-system", "a"),
            "kube-system",
        ),
        ({"destinations": [EVERYWHERE, {"server": "*", "namespace": "!kube-*"}]}, ("", "Secret", "other", "a"), ""),
        (
            {"destinations": [EVERYWHERE, {"name": "!in-cluster", "namespace": "shop-*"}]},
            ("", "Secret", "shop-a", "a"),
            "shop-a",
        ),
    ],
)
def test_a_project_is_asked_about_every_object(
    spec: dict[str, Any], ref: tuple[str, str, str, str], refused: str
) -> None:
    body = changed(APPLICATION, {"project": "shop"})
    given = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "shop"}], **spec}
    unit = unit_of(body, Context(projects={("argocd", "shop"): {"spec": given}}))
    assert unit.permissions is not None and not unit.problems
    words = unit.permissions.refusal(ObjectRef(*ref))
    assert (refused in words) if refused else words == ""


@pytest.mark.parametrize(
    "spec",
    [
        {"namespaceResourceBlacklist": [{"group": "", "kind": "[Secret"}]},
        {"destinations": [EVERYWHERE, {"server": "*", "namespace": "!{kube-system"}]},
        {"permitOnlyProjectScopedClusters": True},
    ],
)
def test_a_wall_that_cannot_be_read_or_held_up_lets_nothing_through(spec: dict[str, Any]) -> None:
    given = {"sourceRepos": ["*"], "destinations": [EVERYWHERE], **spec}
    context = Context(projects={("argocd", "shop"): {"spec": given}})
    assert unit_of(changed(APPLICATION, {"project": "shop"}), context).problems


def test_an_operation_is_asked_for_once() -> None:
    operation = {
        "initiatedBy": {"username": "ann"},
        "sync": {
            "revision": "v2",
            "prune": True,
            "resources": [{"group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop"}],
            "syncStrategy": {"hook": {"force": True}},
        },
    }

    def asked(at: str) -> Operation:
        fields = [{"manager": "argocd", "time": at, "fieldsV1": {"f:operation": {"f:sync": {}}}}]
        found = unit_of({**changed(APPLICATION, managedFields=fields), "operation": operation}).operation
        assert found is not None
        return found

    first = asked("2026-11-24T10:00:00Z")
    assert (first.revision, first.prune, first.force, first.initiator) == (
        "v2",
        True,
        True,
        "ann (not proven)",
    )
    assert first.resources == (ObjectRef("apps", "Deployment", "shop", "web"),)
    assert asked("2026-11-24T10:00:00Z") == first
    assert asked("2026-11-24T11:00:00Z").id != first.id


def test_a_refresh_is_a_request_of_unit_and_source() -> None:
    found = translated(changed(APPLICATION, annotations={"argocd.argoproj.io/refresh": "hard"}))
    assert found.unit is not None and found.unit.requested == found.sources[0].requested == "hard"


def test_the_rollback_annotation_wins_over_the_default() -> None:
    assert unit_of(APPLICATION, Context(returns=ReturnPolicy.REPORT)).returns is ReturnPolicy.REPORT
    assert unit_of(changed(APPLICATION, annotations={"trueup.dev/rollback": "propose"})).returns is ReturnPolicy.PROPOSE
    wrong = unit_of(changed(APPLICATION, annotations={"trueup.dev/rollback": "maybe"}))
    assert wrong.returns is ReturnPolicy.AUTO and "maybe" in wrong.warnings[0]
