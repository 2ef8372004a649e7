"""Whose keys decrypt a unit's files, in each dialect."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.dialects.samples import APPLICATION, KUSTOMIZATION, changed, unit_of

from trueup.core.decryption import Decryption, Keys, keys_for
from trueup.core.model.dialect import Context
from trueup.core.model.unit import ValueRef

SECRET = "trueup.dev/decryption-secret"


def test_a_kustomization_names_a_secret_of_its_namespace() -> None:
    plain = unit_of(KUSTOMIZATION)
    assert plain.decryption is None and not plain.inputs
    unit = unit_of(changed(KUSTOMIZATION, {"decryption": {"provider": "sops", "secretRef": {"name": "keys"}}}))
    place = unit.ref.namespace
    assert not unit.problems and unit.decryption is not None
    assert unit.decryption.secret == (place, "keys") and not unit.decryption.only_age and not unit.decryption.strict
    assert unit.inputs == (ValueRef("Secret", place, "keys"),)
    assert unit.spec_digest != plain.spec_digest


def test_without_a_secret_it_has_the_installations_age_identities() -> None:
    body = changed(KUSTOMIZATION, {"decryption": {"provider": "sops"}})
    unit = unit_of(body)
    assert unit.decryption is not None and unit.decryption.secret is None and not unit.inputs
    unit = unit_of(body, Context(age_keys=("trueup-system", "sops-age")))
    assert unit.decryption is not None and unit.decryption.secret == ("trueup-system", "sops-age")
    assert unit.decryption.only_age and unit.inputs == (ValueRef("Secret", "trueup-system", "sops-age"),)
    # Who decrypts nothing is given no key.
    assert unit_of(KUSTOMIZATION, Context(age_keys=("trueup-system", "sops-age"))).decryption is None


def project(name: str, keys: str = "") -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": "argocd", "annotations": {SECRET: keys} if keys else {}},
        "spec": {
            "sourceRepos": ["*"],
            "sourceNamespaces": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
        },
    }


@pytest.mark.parametrize(
    ("where", "named", "of_project", "secret", "problem"),
    [
        ("default", "", "", None, ""),
        ("default", "keys", "", ("argocd", "keys"), ""),
        ("shop", "", "", None, ""),
        ("shop", "", "one, two", ("argocd", "one"), ""),
        ("shop", "two", "one, two", ("argocd", "two"), ""),
        ("shop", "three", "one, two", ("argocd", "three"), "are not for Applications of project shop"),
        ("shop", "keys", "", ("argocd", "keys"), "are not for Applications of project shop"),
    ],
)
def test_an_application_uses_what_its_project_names(
    where: str, named: str, of_project: str, secret: tuple[str, str] | None, problem: str
) -> None:
    body = changed(APPLICATION, {"project": where}, annotations={SECRET: named} if named else {})
    projects = {("argocd", "shop"): project("shop", of_project)} if where == "shop" else {}
    unit = unit_of(body, Context(projects=projects))
    assert (unit.decryption.secret if unit.decryption else None) == secret
    assert unit.decryption is None or unit.decryption.strict
    assert [text for text in unit.problems if problem in text] if problem else not unit.problems
    assert bool(unit.inputs) == (secret is not None)


def test_an_application_elsewhere_names_a_secret_beside_it() -> None:
    body = changed(APPLICATION, {"project": "shop"}, namespace="team", annotations={SECRET: "keys"})
    unit = unit_of(body, Context(projects={("argocd", "shop"): project("shop")}))
    assert unit.decryption is not None and unit.decryption.secret == ("team", "keys") and not unit.problems


def test_keys_are_named_and_never_shown() -> None:
    how = Decryption(("apps", "sops"), only_age=True)
    keys = keys_for(how, {"a.agekey": b"AGE-SECRET", "b.asc": b"PGP"})
    assert dict(keys.files) == {"a.agekey": b"AGE-SECRET"} and keys.origin == "Secret/apps/sops"
    assert "AGE" not in repr(keys) and "AGE" not in keys.digest
    assert keys.digest == keys_for(how, {"a.agekey": b"AGE-SECRET"}).digest
    assert keys.digest != keys_for(how, {"a.agekey": b"AGE-OTHER"}).digest
    assert keys_for(Decryption(), None) == Keys("", {}, Decryption())
