"""Files that SOPS has encrypted, delivered by a whole controller: keys that come late or are wrong, and words."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from support.commands import run_trueup
from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    condition,
    kustomization,
    ready,
    repository,
    says,
    synced,
)
from support.e2e import world as running
from support.sops import DATA, age_key, encrypted, pgp_key, secret
from trueup.devtools.gitserver import Repository
from trueup.devtools.localcluster import Cluster

CANARY = "CANARY-of-sops-77"
MAPS, SECRETS = ("", "ConfigMap"), ("", "Secret")
WHERE = "flux-system"
OF_ALL = "installation-age"


def holder(name: str, **files: str) -> str:
    """Write a Secret with keys."""
    data = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in files.items()}
    return yaml.safe_dump(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": WHERE}, "data": data}
    )


def long(word: str) -> str:
    """Give a text that is cut off, and written otherwise, where it is told."""
    return f'"{word}" in quotes' + "\nand a line" + "z" * 600


def config(name: str, **data: str) -> str:
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="world")
async def a_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """As everywhere, and with age identities for the whole installation."""
    folder = tmp_path_factory.mktemp("world")
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        running(cluster, folder, poll=1.0, jitter=0.0, sops_age_secret=OF_ALL) as made,
    ):
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def git(world: World) -> Repository:
    made = world.repository("team/sealed", {"README.md": "x"})
    await world.apply(repository("sealed", "https://github.com/team/sealed"))
    return made


def decrypting(name: str, keys: str) -> str:
    how = {"provider": "sops", **({"secretRef": {"name": keys}} if keys else {})}
    return kustomization(name, f"./{name}", "sealed", decryption=how)


async def test_keys_that_come_late_or_are_wrong_are_told_and_a_change_is_delivered_by_itself(
    world: World, git: Repository
) -> None:
    right, wrong, pgp = age_key(), age_key(), pgp_key()
    sealed = encrypted(secret("late", word=CANARY), age=[right], pgp=[pgp], regex=DATA)
    commit = git.commit({"late/s.yaml": sealed}, "a secret")
    await world.apply(decrypting("late", "late-keys"))
    body = await world.until(KUSTOMIZATION, WHERE, "late", says("Secret/flux-system/late-keys", "does not exist"))
    assert condition(body, "Ready")["reason"] == "BuildFailed"
    await world.apply(holder("late-keys", a_agekey="not a key"))
    await world.until(KUSTOMIZATION, WHERE, "late", says('"a.agekey"', "holds no age identities"))
    await world.apply(holder("late-keys", a_agekey=wrong.private))
    body = await world.until(KUSTOMIZATION, WHERE, "late", says("Secret/late", right.public, pgp.public, wrong.public))
    assert await world.get(SECRETS, WHERE, "late") is None
    await world.apply(holder("late-keys", a_asc=pgp.private))
    await world.until(KUSTOMIZATION, WHERE, "late", lambda found: ready(found, commit))
    made = await world.get(SECRETS, WHERE, "late")
    assert made is not None and base64.b64decode(made["data"]["word"]).decode() == CANARY
    # A key that goes takes nothing with it.
    await world.apply(holder("late-keys", a_agekey=wrong.private))
    await world.until(KUSTOMIZATION, WHERE, "late", says(right.public))
    assert await world.get(SECRETS, WHERE, "late") is not None


async def test_nothing_that_was_encrypted_is_told_or_kept(
    world: World, git: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    key = age_key()
    files = {
        "told/s.yaml": encrypted(secret("told", word=CANARY), age=[key], regex=DATA),
        "told/map.yaml": encrypted(config("told-map", word=CANARY, long=long(CANARY)), age=[key], regex=DATA),
        "told/gen/kustomization.yaml": "secretGenerator: [{name: gen, envs: [v.env]}]\n",
        "told/gen/v.env": encrypted(f"WORD={CANARY}\n", "dotenv", age=[key]),
        # The API server repeats a value that it refuses.
        "bad/map.yaml": encrypted(
            config("bad-map", word="x").replace("word: x", f"word: {{a: {CANARY}}}"), age=[key], regex=DATA
        ),
        "role/role.yaml": encrypted(
            f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: role}}\nsecrets: {CANARY}\n",
            age=[key],
            regex="^secrets$",
        ),
    }
    git.commit(files, "sealed")
    await world.apply(holder("told-keys", a_agekey=key.private))
    for name in ("told", "bad", "role"):
        await world.apply(decrypting(name, "told-keys"))
    await world.until(KUSTOMIZATION, WHERE, "told", ready)
    body = await world.until(MAPS, WHERE, "told-map", lambda found: found is not None)
    assert body["data"] == {"word": CANARY, "long": long(CANARY)}
    for name in ("bad", "role"):
        await world.until(KUSTOMIZATION, WHERE, name, lambda found: condition(found, "Ready").get("status") == "False")
    # Drift is told by the names of fields, and healed.
    await world.patch(MAPS, WHERE, "told-map", {"data": {"word": "by hand"}})
    await world.until(MAPS, WHERE, "told-map", lambda found: (found or {}).get("data", {}).get("word") == CANARY)
    # A change of a value is told without either.
    second = f"{CANARY}-second"
    git.commit(
        {"told/map.yaml": encrypted(config("told-map", word=second, long=long(second)), age=[key], regex=DATA)},
        "another value",
    )
    await world.until(MAPS, WHERE, "told-map", lambda found: (found or {}).get("data", {}).get("word") == second)
    await world.settled()
    said = {
        f"status of {name}": str((await world.get(KUSTOMIZATION, WHERE, name) or {}).get("status"))
        for name in ("told", "bad", "role")
    }
    states = await world.mapper.find("trueup.dev", "UnitState")
    events = await world.mapper.find("", "Event")
    assert events is not None and states is not None
    for resource in (events, states):
        for item in (await world.client.list_all(resource, WHERE)).items:
            said[f"{item['kind']} {item['metadata']['name']}"] = str(item)
    database = world.controller.settings.data / "history" / "history.db"
    for arguments in (
        ("get", "-A", "-o", "json"),
        ("history", "-o", "json", "--history-url", f"sqlite:///{database}"),
        ("diff", "ks/told", "-n", WHERE),
        ("diff", "ks/bad", "-n", WHERE),
        ("why", "ks/bad", "-n", WHERE),
        ("blame", "configmap/told-map", "-n", WHERE),
        ("blame", "secret/told", "-n", WHERE),
    ):
        ended = await run_trueup(world.cluster, *arguments)
        said[" ".join(arguments)] = ended.out + ended.err
    assert "word" in said[f"blame configmap/told-map -n {WHERE}"]
    await world.patch(MAPS, WHERE, "told-map", {"data": {"word": "by hand"}})
    ended = await run_trueup(world.cluster, "diff", "ks/told", "-n", WHERE)
    said["diff of drift"] = ended.out + ended.err
    said["the log"] = "".join(capfd.readouterr())
    encoded = base64.b64encode(CANARY.encode()).decode()[:-4]
    leaks = {place: text for place, text in said.items() if CANARY in text or encoded in text}
    assert not leaks, leaks
    held = [path for path in _files(world.controller.settings.data) if _holds(path)]
    assert not held, held
    private = key.private.splitlines()[-1]
    assert private.startswith("AGE-SECRET-KEY-1") and private not in str(said)
    assert not [path for path in _files(world.controller.settings.data) if private.encode() in path.read_bytes()]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _holds(path: Path) -> bool:
    content = path.read_bytes()
    return CANARY.encode() in content or base64.b64encode(CANARY.encode())[:-4] in content


async def test_a_mac_that_does_not_fit_is_told_of_a_kustomization_that_is_ready(world: World, git: Repository) -> None:
    key = age_key()
    sealed = encrypted(secret("mac", word=CANARY), age=[key], regex=DATA).replace("name: mac", "name: changed")
    git.commit({"mac/s.yaml": sealed}, "changed by hand")
    await world.apply(holder("mac-keys", a_agekey=key.private))
    await world.apply(decrypting("mac", "mac-keys"))
    await world.until(KUSTOMIZATION, WHERE, "mac", lambda body: ready(body) and says("mac/s.yaml", "MAC")(body))
    assert await world.get(SECRETS, WHERE, "changed") is not None


async def test_the_installations_own_age_key_is_for_those_that_name_none(world: World, git: Repository) -> None:
    key = age_key()
    git.commit({"nobody/s.yaml": encrypted(secret("nobody", word=CANARY), age=[key], regex=DATA)}, "a secret")
    await world.apply(decrypting("nobody", ""))
    await world.until(KUSTOMIZATION, WHERE, "nobody", says(f"Secret/trueup-system/{OF_ALL}", "does not exist"))
    await world.apply(holder(OF_ALL, a_agekey=key.private).replace(WHERE, "trueup-system"))
    await world.until(KUSTOMIZATION, WHERE, "nobody", ready)
    made = await world.get(SECRETS, WHERE, "nobody")
    assert made is not None and base64.b64decode(made["data"]["word"]).decode() == CANARY


async def test_an_application_is_decrypted_by_the_keys_that_its_annotation_names(world: World, git: Repository) -> None:
    key = age_key()
    chart = {
        "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
        "chart/templates/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: of-chart}\n"
        "stringData: {word: '{{ .Values.word }}'}\n",
        "chart/secrets.yaml": encrypted(f"word: {CANARY}\n", age=[key]),
    }
    git.commit(chart, "a chart")
    body = yaml.safe_load(
        application(
            "sealed", "https://github.com/team/sealed", "chart", "default", helm={"valueFiles": ["secrets.yaml"]}
        )
    )
    body["metadata"]["annotations"] = {"trueup.dev/decryption-secret": "app-keys"}
    await world.apply(yaml.safe_dump(body))
    await world.until(APPLICATION, "argocd", "sealed", says("Secret/argocd/app-keys", "does not exist"))
    await world.apply(holder("app-keys", a_agekey=age_key().private).replace(WHERE, "argocd"))
    await world.until(APPLICATION, "argocd", "sealed", says("chart/secrets.yaml", key.public))
    await world.apply(holder("app-keys", a_agekey=key.private).replace(WHERE, "argocd"))
    await world.until(APPLICATION, "argocd", "sealed", synced)
    made = await world.get(SECRETS, "default", "of-chart")
    assert made is not None and base64.b64decode(made["data"]["word"]).decode() == CANARY


async def test_an_application_of_a_bounded_project_uses_the_keys_that_the_project_names(
    world: World, git: Repository
) -> None:
    key = age_key()
    git.commit({"shop/s.yaml": encrypted(secret("of-shop", word=CANARY), age=[key], regex=DATA)}, "a secret")
    await world.apply(holder("shop-keys", a_agekey=key.private).replace(WHERE, "argocd"))
    project = {
        "apiVersion": f"{APPLICATION[0]}/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "default"}]},
    }
    await world.apply(yaml.safe_dump(project))
    body = yaml.safe_load(application("shop", "https://github.com/team/sealed", "shop", "default"))
    body["spec"]["project"] = "shop"
    body["metadata"]["annotations"] = {"trueup.dev/decryption-secret": "shop-keys"}
    await world.apply(yaml.safe_dump(body))
    await world.until(APPLICATION, "argocd", "shop", says("shop-keys are not for Applications of project shop"))
    project["metadata"] = {**project["metadata"], "annotations": {"trueup.dev/decryption-secret": "shop-keys"}}
    await world.apply(yaml.safe_dump(project))
    await world.until(APPLICATION, "argocd", "shop", synced)
    assert await world.get(SECRETS, "default", "of-shop") is not None
    ended = await run_trueup(world.cluster, "diff", "app/shop", "-n", "argocd")
    assert ended.code == 0 and CANARY not in ended.out, ended
