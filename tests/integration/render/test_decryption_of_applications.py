"""SOPS for Applications: folders, charts' values and generators of KSOPS."""

from __future__ import annotations

import base64
import json

import pytest
import yaml

from support.sops import DATA, Key, age_key, encrypted, secret
from trueup.core.decryption import Decryption
from trueup.core.model.recipe import (
    DirectoryRecipe,
    HelmFileParameter,
    HelmRecipe,
    KustomizeRecipe,
    Recipe,
    RenderError,
)

from .conftest import Bench
from .test_decryption import CLEAR, HOLDER, MAP, Places, data_of, keys, sealed


@pytest.fixture(scope="module")
def age() -> Key:
    return age_key()


STRICT = Decryption(HOLDER, strict=True, remedy="annotate it")
KSOPS = """\
apiVersion: viaduct.ai/v1
kind: ksops
metadata:
  name: generator
  annotations:
    config.kubernetes.io/function: |
      exec: {path: ksops}
"""
CHART = {
    "app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n",
    "app/templates/s.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\n"
    "data: {word: '{{ .Values.word }}'}\n",
}
APPLICATIONS: dict[str, tuple[Recipe, Places, str, str]] = {
    "a manifest of a folder": (
        DirectoryRecipe(path="app"),
        lambda seal: {"app/s.yaml": seal(secret("made", word=CLEAR), regex=DATA)},
        "Secret",
        "word",
    ),
    "one of a folder's documents in JSON": (
        DirectoryRecipe(path="app"),
        lambda seal: {"app/s.json": seal(json.dumps(yaml.safe_load(secret("made", word=CLEAR))), "json", regex=DATA)},
        "Secret",
        "word",
    ),
    "one of several documents of a folder's file": (
        DirectoryRecipe(path="app"),
        lambda seal: {"app/s.yaml": MAP + "---\n" + seal(secret("made", word=CLEAR), regex=DATA)},
        "Secret",
        "word",
    ),
    "a chart's value file": (
        HelmRecipe(path="app", value_files=("secrets.yaml",)),
        lambda seal: {**CHART, "app/secrets.yaml": seal(f"word: {CLEAR}\n")},
        "ConfigMap",
        "word",
    ),
    "a chart's value file as helm-secrets names it": (
        HelmRecipe(path="app", value_files=("secrets://secrets.yaml",)),
        lambda seal: {**CHART, "app/secrets.yaml": seal(f"word: {CLEAR}\n")},
        "ConfigMap",
        "word",
    ),
    "a chart's file parameter": (
        HelmRecipe(path="app", file_parameters=(HelmFileParameter("word", "/raw.bin"),)),
        lambda seal: {**CHART, "raw.bin": seal(CLEAR, "binary")},
        "ConfigMap",
        "word",
    ),
    "files of a generator of KSOPS": (
        KustomizeRecipe(path="app"),
        lambda seal: {
            "app/kustomization.yaml": "generators: [g.yaml]\nnamespace: there\n",
            "app/g.yaml": KSOPS + "files: [./s.enc.yaml]\n",
            "app/s.enc.yaml": seal(secret("made", word=CLEAR), regex=DATA),
        },
        "Secret",
        "word",
    ),
    "files of a base's generator of KSOPS, from beside it": (
        KustomizeRecipe(path="app"),
        lambda seal: {
            "app/kustomization.yaml": "resources: [../base]\n",
            "base/kustomization.yaml": "generators: [g.yaml]\n",
            "base/g.yaml": KSOPS + "files: [../sealed/s.yaml]\n",
            "sealed/s.yaml": seal(secret("made", word=CLEAR), regex=DATA),
        },
        "Secret",
        "word",
    ),
    "a Secret that KSOPS makes of a file": (
        KustomizeRecipe(path="app"),
        lambda seal: {
            "app/kustomization.yaml": "generators: [g.yaml]\n",
            "app/g.yaml": KSOPS + "secretFrom:\n- {metadata: {name: made}, type: Opaque, files: [word=v.yaml]}\n",
            "app/v.yaml": seal(f"in: {CLEAR}\n"),
        },
        "Secret",
        "word",
    ),
    "a Secret that KSOPS makes of environments and binaries": (
        KustomizeRecipe(path="app"),
        lambda seal: {
            "app/kustomization.yaml": "generators: [g.yaml]\n",
            "app/g.yaml": KSOPS + "secretFrom:\n- {metadata: {name: made}, envs: [v.env], binaryFiles: [raw]}\n",
            "app/v.env": seal(f"word={CLEAR}\n", "dotenv"),
            "app/raw": seal("more", "binary"),
        },
        "Secret",
        "word",
    ),
}


@pytest.mark.parametrize("place", APPLICATIONS)
async def test_every_place_of_an_application_is_decrypted(bench: Bench, age: Key, place: str) -> None:
    recipe, files, kind, key = APPLICATIONS[place]
    bench.write(files(lambda content, format="yaml", **options: encrypted(content, format, age=[age], **options)))
    result = await bench.render(recipe, keys=keys(age_agekey=age.private, how=STRICT))
    assert CLEAR in data_of(result, kind)[key] and not result.warnings
    assert (CLEAR in result.secrets) == (kind != "Secret")
    with pytest.raises(RenderError) as failure:
        await bench.render(recipe, keys=keys(age_agekey=age_key().private, how=STRICT))
    assert age.public in str(failure.value) and CLEAR not in str(failure.value)


async def test_a_generator_of_ksops_without_keys_says_what_it_wants(bench: Bench, age: Key) -> None:
    bench.write(
        {
            "app/kustomization.yaml": "generators: [g.yaml]\n",
            "app/g.yaml": KSOPS + "files: [s.yaml]\n",
            "app/s.yaml": sealed(age),
        }
    )
    problem = await bench.fails(KustomizeRecipe(path="app"))
    assert problem.code == "plugin" and "KSOPS" in problem.message
    given = keys(age_agekey=age.private, how=STRICT)
    for text, words in (
        (KSOPS + "files: [s.yaml]\nflavour: sweet\n", "other fields than files and secretFrom"),
        (KSOPS + "files: [none.yaml]\n", 'names "none.yaml", which is not in the artifact'),
        (KSOPS + "files: [../../etc/passwd]\n", "leads out of the artifact"),
        (KSOPS + "files: [plain.yaml]\n", "metadata"),
    ):
        bench.write({"app/g.yaml": text, "app/plain.yaml": secret("plain", word=CLEAR)})
        with pytest.raises(RenderError) as failure:
            await bench.render(KustomizeRecipe(path="app"), keys=given)
        assert words in failure.value.problem.message and CLEAR not in failure.value.problem.message


async def test_a_chart_that_fails_on_a_decrypted_value_does_not_tell_it(bench: Bench, age: Key) -> None:
    given = keys(age_agekey=age.private, how=STRICT)
    for template in (
        '{{ fail (printf "bad %s" .Values.word) }}',
        "kind: Secret\nstringData: {{ .Values.word }}: [\n",
        "{{ .Values.word.deeper.still }}",
        "{{ .Values.word | atoi | div 0 }}",
    ):
        bench.write(
            {**CHART, "app/templates/s.yaml": template, "app/secrets.yaml": encrypted(f"word: {CLEAR}\n", age=[age])}
        )
        with pytest.raises(RenderError) as failure:
            await bench.render(HelmRecipe(path="app", value_files=("secrets.yaml",)), keys=given)
        assert CLEAR not in str(failure.value)


async def test_names_with_a_hash_and_merging_as_ksops_has_them(bench: Bench, age: Key) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "envFrom": [{"secretRef": {"name": "made"}}]}]},
    }
    options = "annotations: {kustomize.config.k8s.io/needs-hash: 'true', kept: 'yes'}"
    sealed_secret = secret("made", word=CLEAR).replace("name: made", f"name: made\n  {options}")
    merged = MAP.replace(
        "{name: settings}", "{name: settings, annotations: {kustomize.config.k8s.io/behavior: merge}}"
    ).replace("plain", "added")
    together = encrypted(sealed_secret + "---\n" + secret("other", word="more"), age=[age], regex=DATA)
    bench.write(
        {
            "app/kustomization.yaml": "resources: [pod.yaml]\ngenerators: [g.yaml]\n"
            "configMapGenerator: [{name: settings, literals: [plain=no], options: {disableNameSuffixHash: true}}]\n",
            "app/pod.yaml": yaml.safe_dump(pod),
            "app/g.yaml": KSOPS + "files: [s.yaml, map.yaml]\n",
            "app/s.yaml": together,
            "app/map.yaml": encrypted(merged, age=[age], regex=DATA),
        }
    )
    result = await bench.render(KustomizeRecipe(path="app"), keys=keys(age_agekey=age.private, how=STRICT))
    found = {(item.body["kind"], item.body["metadata"]["name"].partition("-")[0]): item.body for item in result.objects}
    made = found["Secret", "made"]
    assert len(made["metadata"]["name"]) > len("made-") and made["metadata"]["annotations"] == {"kept": "yes"}
    assert base64.b64decode(made["data"]["word"]).decode() == CLEAR
    container = found["Pod", "web"]["spec"]["containers"][0]
    assert container["envFrom"][0]["secretRef"]["name"] == made["metadata"]["name"]
    assert found["Secret", "other"]["stringData"] == {"word": "more"}
    assert found["ConfigMap", "settings"]["data"] == {"plain": "no", "added": "yes"}
    wrong = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  " + options + "\n"
    for data, words in (("{a: b}", "are for Secrets and ConfigMaps, not for Service/a"), ("{a: [b]}", "no text")):
        bench.write({"app/map.yaml": encrypted(f"{wrong}data: {data}\n", age=[age], regex=DATA)})
        with pytest.raises(RenderError, match=words):
            await bench.render(KustomizeRecipe(path="app"), keys=keys(age_agekey=age.private, how=STRICT))
