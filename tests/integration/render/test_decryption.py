"""SOPS, as Flux' users have it: every place where something encrypted may stand, and bad keys and files."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from support.sops import DATA, Key, age_key, encrypted, pgp_key, secret
from trueup.core.decryption import Decryption, Keys, keys_for
from trueup.core.model.recipe import KustomizeRecipe, RenderError, RenderProblem, RenderResult
from trueup.render.memory import Known

from .conftest import Bench

CLEAR = "hunter2-clear-text"
HOLDER = ("apps", "sops-keys")
HOW = Decryption(HOLDER, disabled_by="kustomize.toolkit.fluxcd.io/decrypt", remedy="name a Secret")
RECIPE = KustomizeRecipe(path="app", generate=True, restrict_to_folder=False)


@pytest.fixture(scope="module")
def age() -> Key:
    return age_key()


@pytest.fixture(scope="module")
def pgp() -> Key:
    return pgp_key()


def keys(*, how: Decryption = HOW, **files: str | bytes) -> Keys:
    """Give keys by the names of their files; `age_agekey` stands for `age.agekey`."""
    data = {
        name.replace("_", ".").replace("~", "-"): value.encode() if isinstance(value, str) else value
        for name, value in files.items()
    }
    return keys_for(how, data)


def data_of(result: RenderResult, kind: str = "Secret") -> dict[str, str]:
    """Give the data of the one object of a kind, decoded."""
    (body,) = (item.body for item in result.objects if item.body["kind"] == kind)
    assert "sops" not in body
    found = {key: str(value) for key, value in (body.get("stringData") or {}).items()}
    for key, value in (body.get("data") or {}).items():
        found[key] = base64.b64decode(value).decode() if kind == "Secret" else value
    return found


def kustomization(**fields: Any) -> str:
    return yaml.safe_dump(fields, sort_keys=False)


MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {plain: 'yes'}\n"


def generated(name: str, key: str = "", field: str = "files", base: str = "app") -> dict[str, str]:
    entry = f"{key}={name}" if key else name
    return {
        f"{base}/kustomization.yaml": kustomization(
            secretGenerator=[{"name": "made", field: [entry], "options": {"disableNameSuffixHash": True}}]
        )
    }


Places = Callable[[Callable[..., str]], dict[str, str]]

PLACES: dict[str, tuple[Places, str, str]] = {
    "a manifest in YAML, stringData": (
        lambda seal: {"app/s.yaml": seal(secret("made", word=CLEAR), regex=DATA)},
        "Secret",
        "word",
    ),
    "a manifest in YAML, data": (
        lambda seal: {
            "app/s.yaml": seal(secret("made", field="data", word=base64.b64encode(CLEAR.encode()).decode()), regex=DATA)
        },
        "Secret",
        "word",
    ),
    "a manifest in JSON": (
        lambda seal: {
            "app/kustomization.yaml": kustomization(resources=["s.json"]),
            "app/s.json": seal(json.dumps(yaml.safe_load(secret("made", word=CLEAR))), "json", regex=DATA),
        },
        "Secret",
        "word",
    ),
    "one of several documents": (
        lambda seal: {"app/s.yaml": MAP + "---\n" + seal(secret("made", word=CLEAR), regex=DATA)},
        "Secret",
        "word",
    ),
    "documents that were encrypted together": (
        lambda seal: {"app/s.yaml": seal(MAP + "---\n" + secret("made", word=CLEAR), regex=DATA)},
        "Secret",
        "word",
    ),
    "a manifest with only encrypted values in its MAC": (
        lambda seal: {"app/s.yaml": seal(secret("made", word=CLEAR), regex=DATA, mac_only=True)},
        "Secret",
        "word",
    ),
    "a ConfigMap": (
        lambda seal: {"app/s.yaml": seal(MAP.replace("'yes'", CLEAR), regex=DATA)},
        "ConfigMap",
        "plain",
    ),
    "a manifest of a base, with labels from the overlay": (
        lambda seal: {
            "app/kustomization.yaml": kustomization(
                resources=["../base"], commonLabels={"a": "b"}, namespace="elsewhere", namePrefix="x-"
            ),
            "base/kustomization.yaml": kustomization(resources=["s.yaml"]),
            "base/s.yaml": seal(secret("made", word=CLEAR), regex=DATA),
        },
        "Secret",
        "word",
    ),
    "a generator's file, binary": (
        lambda seal: {**generated("raw.bin", "word"), "app/raw.bin": seal(CLEAR, "binary")},
        "Secret",
        "word",
    ),
    "a generator's file in YAML": (
        lambda seal: {**generated("v.yaml"), "app/v.yaml": seal(f"word: {CLEAR}\n")},
        "Secret",
        "v.yaml",
    ),
    "a generator's file in JSON, by its key": (
        lambda seal: {**generated("v.enc", "v.json"), "app/v.enc": seal(f'{{"word": "{CLEAR}"}}', "json")},
        "Secret",
        "v.json",
    ),
    "a generator's file in dotenv": (
        lambda seal: {**generated("v.env"), "app/v.env": seal(f"WORD={CLEAR}\n", "dotenv")},
        "Secret",
        "v.env",
    ),
    "a generator's file in INI": (
        lambda seal: {**generated("v.ini"), "app/v.ini": seal(f"[part]\nword = {CLEAR}\n", "ini")},
        "Secret",
        "v.ini",
    ),
    "a generator's file for a registry": (
        lambda seal: {
            **generated("pull.enc", ".dockerconfigjson"),
            "app/pull.enc": seal(f'{{"auths": {{"r": {{"auth": "{CLEAR}"}}}}}}', "json"),
        },
        "Secret",
        ".dockerconfigjson",
    ),
    "a generator's environment": (
        lambda seal: {**generated("v.env", field="envs"), "app/v.env": seal(f"WORD={CLEAR}\n", "dotenv")},
        "Secret",
        "WORD",
    ),
    "a generator's environment of another name": (
        lambda seal: {**generated("settings", field="envs"), "app/settings": seal(f"WORD={CLEAR}\n", "dotenv")},
        "Secret",
        "WORD",
    ),
    "a generator of a base": (
        lambda seal: {
            "app/kustomization.yaml": kustomization(resources=["../base"]),
            **generated("raw.bin", "word", base="base"),
            "base/raw.bin": seal(CLEAR, "binary"),
        },
        "Secret",
        "word",
    ),
    "a generator of a component": (
        lambda seal: {
            "app/kustomization.yaml": kustomization(components=["../part"]),
            "part/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n"
            + generated("raw.bin", "word", base="part")["part/kustomization.yaml"],
            "part/raw.bin": seal(CLEAR, "binary"),
        },
        "Secret",
        "word",
    ),
    "a patch's file": (
        lambda seal: {
            "app/kustomization.yaml": kustomization(resources=["map.yaml"], patches=[{"path": "patch.yaml"}]),
            "app/map.yaml": MAP,
            "app/patch.yaml": seal(MAP.replace("'yes'", CLEAR), regex=DATA),
        },
        "ConfigMap",
        "plain",
    ),
    "a value of a Secret that a generator made of a literal": (
        lambda seal: {
            "app/kustomization.yaml": kustomization(resources=["s.yaml"]),
            "app/s.yaml": secret("made", field="data", word=base64.b64encode(seal(CLEAR, "binary").encode()).decode()),
        },
        "Secret",
        "word",
    ),
    "a value of a Secret in YAML": (
        lambda seal: {
            "app/s.yaml": secret(
                "made", field="data", **{"v.yaml": base64.b64encode(seal(f"word: {CLEAR}\n").encode()).decode()}
            )
        },
        "Secret",
        "v.yaml",
    ),
}


@pytest.mark.parametrize("kind_of_key", ["age", "pgp"])
@pytest.mark.parametrize("place", PLACES)
async def test_every_place_is_decrypted(bench: Bench, age: Key, pgp: Key, place: str, kind_of_key: str) -> None:
    files, kind, key = PLACES[place]
    by: dict[str, Any] = {"age": [age]} if kind_of_key == "age" else {"pgp": [pgp]}
    bench.write(files(lambda content, format="yaml", **options: encrypted(content, format, **by, **options)))
    given = keys(age_agekey=age.private) if kind_of_key == "age" else keys(identity_asc=pgp.private)
    result = await bench.render(RECIPE, keys=given)
    value = data_of(result, kind)[key]
    assert CLEAR in value and "ENC[" not in json.dumps([item.body for item in result.objects])
    assert not [item for item in result.warnings if item.code == "integrity"], result.warnings
    # What stands in other kinds than Secrets must be known to whoever tells of them.
    assert (CLEAR in result.secrets) == (kind != "Secret")


async def test_nothing_is_decrypted_where_that_is_not_asked_for(bench: Bench, age: Key) -> None:
    text = encrypted(secret("made", word=CLEAR), age=[age], regex=DATA)
    bench.write({"app/s.yaml": text})
    plain = await bench.render(RECIPE)
    assert "sops" in plain.objects[0].body
    marked = secret("made", word=CLEAR).replace(
        "name: made", "name: made\n  annotations: {kustomize.toolkit.fluxcd.io/decrypt: Disabled}"
    )
    bench.write({"app/s.yaml": encrypted(marked, age=[age], regex=DATA)})
    left = await bench.render(RECIPE, keys=keys(age_agekey=age.private))
    assert "sops" in left.objects[0].body


async def test_keys_of_several_groups_open_a_file_together(bench: Bench, age: Key, pgp: Key) -> None:
    groups = [{"age": [age.public]}, {"pgp": [pgp.private]}, {"age": [age_key().public]}]
    bench.write({"app/s.yaml": encrypted(secret("made", word=CLEAR), groups=groups, threshold=2, regex=DATA)})
    result = await bench.render(RECIPE, keys=keys(age_agekey=age.private, identity_asc=pgp.private))
    assert data_of(result)["word"] == CLEAR
    problem = await fails(bench, keys(age_agekey=age.private))
    assert "keys of several groups are needed together" in problem.message


async def fails(bench: Bench, given: Keys) -> RenderProblem:
    """Give the problem of a render with keys, which tells nothing that was encrypted, and nothing of the keys."""
    with pytest.raises(RenderError) as failure:
        await bench.render(RECIPE, keys=given)
    problem = failure.value.problem
    told = f"{problem!r} {failure.value!r} {given!r}"
    assert CLEAR not in told
    for content in given.files.values():
        for line in content.decode(errors="replace").splitlines():
            assert not line.strip() or len(line) < 8 or line not in told or line.startswith("-----")
    return problem


def sealed(age: Key, **options: Any) -> str:
    return encrypted(secret("made", word=CLEAR, other="another-clear-text"), age=[age], regex=DATA, **options)


async def test_another_key_is_told_by_the_names_of_both(bench: Bench, age: Key, pgp: Key) -> None:
    bench.write({"app/s.yaml": sealed(age)})
    other = age_key()
    problem = await fails(bench, keys(age_agekey=other.private))
    assert problem.code == "decryption" and problem.next_step == "stall"
    assert problem.origin is not None and problem.origin.path == "app/s.yaml"
    for part in ("Secret/made", f"encrypted for {age.public}", "Secret/apps/sops-keys", other.public, "updatekeys"):
        assert part in problem.message, problem.message
    problem = await fails(bench, keys(identity_asc=pgp.private))
    assert f"PGP {pgp.public}" in problem.message


async def test_a_file_for_pgp_names_the_fingerprint(bench: Bench, age: Key, pgp: Key) -> None:
    bench.write({**generated("raw.bin", "word"), "app/raw.bin": encrypted(CLEAR, "binary", pgp=[pgp])})
    problem = await fails(bench, keys(age_agekey=age.private))
    assert f"app/raw.bin: it is encrypted for PGP {pgp.public}" in problem.message


async def test_no_key_at_all_says_where_to_name_one(bench: Bench, age: Key) -> None:
    bench.write({"app/s.yaml": sealed(age)})
    problem = await fails(bench, keys_for(Decryption(remedy="name a Secret in spec.decryption"), None))
    assert "no key is given: name a Secret in spec.decryption" in problem.message
    problem = await fails(bench, keys(readme_txt="nothing"))
    assert "Secret/apps/sops-keys holds no key" in problem.message


GARBAGE = {
    "no identity": ({"age_agekey": "AGE-SECRET-KEY-1NOTREALLYAKEYATALL"}, '"age.agekey"'),
    "binary": ({"age_agekey": b"\xff\xfe\x00key"}, '"age.agekey"'),
    "no armor": ({"identity_asc": "lQdGBF+privatekeymaterial"}, '"identity.asc"'),
    "vault only": ({"sops_vault~token": "hvs.topsecrettoken"}, "HashiCorp Vault"),
    "kms only": ({"sops_aws~kms": "aws_access_key_id: AKIAIOSFODNN7EXAMPLE"}, "AWS KMS"),
}


@pytest.mark.parametrize("what", GARBAGE)
async def test_a_secret_of_garbage_is_named_without_its_content(bench: Bench, age: Key, what: str) -> None:
    files, words = GARBAGE[what]
    bench.write({"app/s.yaml": sealed(age)})
    problem = await fails(bench, keys(**files))
    assert problem.code == "decryption" and words in problem.message and "Secret/apps/sops-keys" in problem.message


async def test_a_public_key_and_a_locked_one_are_told(bench: Bench, age: Key) -> None:
    bench.write({"app/s.yaml": sealed(age)})
    locked = pgp_key("correct horse")
    problem = await fails(bench, keys(identity_asc=locked.private))
    assert f"{locked.public} is locked by a passphrase" in problem.message


async def test_a_service_that_keeps_keys_is_named(bench: Bench, age: Key) -> None:
    arn = "arn:aws:kms:eu-west-1:1:key/abc"
    bench.write({"app/s.yaml": encrypted(secret("made", word=CLEAR), kms=[arn], regex=DATA)})
    problem = await fails(bench, keys(age_agekey=age.private))
    assert arn in problem.message and "services that keep keys are not asked yet" in problem.message
    # One of both kinds of keys is enough; the other is told.
    bench.write({"app/s.yaml": encrypted(secret("made", word=CLEAR), kms=[arn], age=[age], regex=DATA)})
    given = keys(age_agekey=age.private, **{"sops_aws~kms": "aws_access_key_id: a"})
    result = await bench.render(RECIPE, keys=given)
    assert data_of(result)["word"] == CLEAR
    assert any("AWS KMS" in warning.message for warning in result.warnings)


async def test_a_mac_that_does_not_fit_is_told_and_refused_where_that_is_asked_for(bench: Bench, age: Key) -> None:
    text = sealed(age).replace("name: made", "name: renamed")
    bench.write({"app/s.yaml": text})
    result = await bench.render(RECIPE, keys=keys(age_agekey=age.private))
    assert data_of(result)["word"] == CLEAR
    (warning,) = [item for item in result.warnings if item.code == "integrity"]
    assert "app/s.yaml" in warning.message and "MAC does not fit" in warning.message
    strict = Decryption(HOLDER, strict=True)
    problem = await fails(bench, keys(age_agekey=age.private, how=strict))
    assert "app/s.yaml" in problem.message and "MAC does not fit" in problem.message
    bench.write({**generated("v.yaml"), "app/v.yaml": sealed(age).replace("name: made", "name: other")})
    (bench.folder / "app/s.yaml").unlink()
    problem = await fails(bench, keys(age_agekey=age.private, how=strict))
    assert "app/v.yaml: its MAC does not fit" in problem.message


async def test_what_was_edited_by_hand_is_told_without_its_values(bench: Bench, age: Key) -> None:
    lines = sealed(age).splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip().startswith("word:"))
    lines[at] = f"    word: {CLEAR}"
    bench.write({"app/s.yaml": "\n".join(lines)})
    problem = await fails(bench, keys(age_agekey=age.private))
    assert "encrypted only in part" in problem.message and "app/s.yaml" in problem.message
    moved = sealed(age).replace("    word:", "    moved:")
    bench.write({"app/s.yaml": moved})
    problem = await fails(bench, keys(age_agekey=age.private))
    assert "fails its authentication" in problem.message
    without = sealed(age).partition("sops:")[0]
    bench.write({**generated("v.yaml"), "app/v.yaml": without + "# mac: ENC[\n"})
    (bench.folder / "app/s.yaml").unlink()
    problem = await fails(bench, keys(age_agekey=age.private))
    assert "app/v.yaml" in problem.message and "metadata" in problem.message


async def test_damaged_metadata_is_told(bench: Bench, age: Key) -> None:
    text = encrypted(f"word: {CLEAR}\n", age=[age]).replace("lastmodified:", "lastmodified: [")
    bench.write({**generated("v.yaml"), "app/v.yaml": text})
    problem = await fails(bench, keys(age_agekey=age.private))
    assert "app/v.yaml: it cannot be read as YAML" in problem.message


async def test_a_large_file_is_refused_by_its_name(bench: Bench, age: Key) -> None:
    bench.write({**generated("raw.bin", "word"), "app/raw.bin": encrypted("x" * (10 << 20), "binary", age=[age])})
    problem = await fails(bench, keys(age_agekey=age.private))
    assert problem.code == "too-large" and "app/raw.bin" in problem.message and "5 MiB" in problem.message


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("v.env", f"A={CLEAR}\nA={CLEAR}-2\n", "envs"),
        ("settings", f"OK=1\n{CLEAR}=".encode() + b"\xff\n", "envs"),
    ],
)
async def test_what_kustomize_says_of_decrypted_files_holds_none_of_it(
    bench: Bench, age: Key, name: str, text: str | bytes, field: str
) -> None:
    # As binary: the library for dotenv would refuse to encrypt it.
    bench.write(
        {
            "app/kustomization.yaml": kustomization(
                secretGenerator=[
                    {"name": "first", "files": [f"x.bin={name}"]},
                    {"name": "made", field: [name]},
                ]
            ),
            f"app/{name}": encrypted(text, "binary", age=[age]),
        }
    )
    await fails(bench, keys(age_agekey=age.private))


async def test_a_broken_patch_is_told_without_what_it_says(bench: Bench, age: Key) -> None:
    patch = f"kind: Nothing\nmetadata: {{name: '{CLEAR}'}}\nspec: {CLEAR}\n"
    bench.write(
        {
            "app/kustomization.yaml": kustomization(resources=["map.yaml"], patches=[{"path": "patch.yaml"}]),
            "app/map.yaml": MAP,
            "app/patch.yaml": encrypted(patch, age=[age]),
        }
    )
    await fails(bench, keys(age_agekey=age.private))


async def test_no_result_with_decrypted_values_is_kept(bench: Bench, age: Key) -> None:
    bench.write({"app/s.yaml": sealed(age)})
    given = keys(age_agekey=age.private)
    context = bench.context(keys=given)
    result = await bench.renderer.render(RECIPE, bench.folder, context)
    assert result.inputs and bench.renderer.recognise(RECIPE, context) == result.inputs
    assert bench.renderer.lookup(RECIPE, context) is None
    again = await bench.renderer.render(RECIPE, bench.folder, context)
    assert not again.cached and again.inputs == result.inputs
    kept = [one for ones in bench.renderer._memory._by_recipe.values() for one in ones]
    assert kept and all(isinstance(one, Known) for one in kept)
    assert not any(CLEAR.encode() in one.objects or CLEAR in repr(one) for one in kept)
    # Another key is another question; without keys it is another one again.
    other = bench.context(keys=keys(age_agekey=age_key().private))
    assert bench.renderer.recognise(RECIPE, other) is None
    assert bench.renderer.recognise(RECIPE, bench.context()) is None


async def test_a_process_decrypts_once_and_is_gone(bench: Bench, age: Key) -> None:
    bench.write({"app/s.yaml": sealed(age)})
    before = set(bench.renderer.pids)
    await bench.render(RECIPE, keys=keys(age_agekey=age.private))
    assert set(bench.renderer.pids) <= before


async def test_values_that_stay_encrypted_are_refused_in_a_secret(bench: Bench, age: Key) -> None:
    given = keys(age_agekey=age.private)
    orphaned = sealed(age).partition("sops:")[0]
    bench.write({"app/s.yaml": orphaned})
    problem = await fails(bench, given)
    assert "Secret/made (app/s.yaml:1): stringData.other is still encrypted" in problem.message
    listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(secret("made", word=CLEAR))]}
    bench.write({"app/s.yaml": encrypted(yaml.safe_dump(listed), age=[age], regex=DATA)})
    assert "stringData.word is still encrypted" in (await fails(bench, given)).message
    # In another kind it may be what an operator decrypts.
    bench.write({"app/s.yaml": orphaned.replace("kind: Secret", "kind: ConfigMap").replace("stringData", "data")})
    result = await bench.render(RECIPE, keys=given)
    assert any("data.other is still encrypted" in warning.message for warning in result.warnings)


async def test_an_object_is_otherwise_what_it_was(bench: Bench, age: Key) -> None:
    body = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "made", "labels": {"a": "true", "b": "1"}, "annotations": {}},
        "spec": {
            "word": CLEAR,
            "whole": 9007199254740993,
            "part": 0.25,
            "yes": True,
            "none": None,
            "empty": {},
            "list": [1, "two", [], {"word": "<&>\u2028 ümlaut\n"}, None],
            "text": 'a "quoted" \\ text\n',
            "12": "a number as a name",
        },
    }
    bench.write({"app/s.yaml": yaml.safe_dump(body, allow_unicode=True)})
    plain = await bench.render(RECIPE)
    bench.write({"app/s.yaml": encrypted(yaml.safe_dump(body, allow_unicode=True), age=[age], regex="^word$")})
    result = await bench.render(RECIPE, keys=keys(age_agekey=age.private))
    assert [item.body for item in result.objects] == [item.body for item in plain.objects]
