"""What was looked at is proven by content: only a change to it asks for a new render."""

import hashlib
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.recipe import InputPaths
from trueup.render.inputs import prove


class Tree:
    """A tree made of a mapping of paths to contents, with ids as Git makes them: a folder's from all beneath it."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)
        self.asked = 0

    def entry(self, path: str) -> str | None:
        self.asked += 1
        if path in self.files:
            return _id("blob", self.files[path])
        beneath = {name: content for name, content in self.files.items() if path == "." or name.startswith(f"{path}/")}
        return _id("tree", repr(sorted(beneath.items()))) if beneath or path == "." else None

    def names(self, path: str) -> tuple[str, ...] | None:
        prefix = "" if path == "." else f"{path}/"
        rest = [name[len(prefix) :] for name in self.files if name.startswith(prefix)]
        if path in self.files or not (rest or path == "."):
            return None
        return tuple(sorted({name.split("/")[0] + ("/" if "/" in name else "") for name in rest}))


def _id(*parts: str) -> str:
    return hashlib.sha1(" ".join(parts).encode()).hexdigest()


FILES = {"app/kustomization.yaml": "a", "app/deployment.yaml": "b", "base/service.yaml": "c", "other/x.yaml": "d"}
LOOKED = {
    "": InputPaths(
        files=("app/deployment.yaml", "app/kustomization.yaml", "base/service.yaml"),
        directories=("base",),
        absent=("app/kustomization.yml", "app/patch.yaml"),
    )
}


def verified_signature(files: Mapping[str, str], looked: Mapping[str, InputPaths] = LOOKED) -> str:
    proof = prove(looked, {"": Tree(files)})
    assert proof is not None
    return proof.digest("recipe")


def test_same_content_holds_and_has_the_same_name() -> None:
    proof = prove(LOOKED, {"": Tree(FILES)})
    assert proof is not None and proof.holds({"": Tree(FILES)})
    assert verified_signature(FILES) == verified_signature(FILES)


def test_a_change_elsewhere_changes_nothing() -> None:
    proof = prove(LOOKED, {"": Tree(FILES)})
    changed = {**FILES, "other/x.yaml": "changed", "app/README.md": "new"}
    assert proof is not None and proof.holds({"": Tree(changed)})
    assert verified_signature(FILES) == verified_signature(changed)


def test_each_kind_of_change_to_what_was_looked_at_is_seen() -> None:
    changes = [
        {**FILES, "app/deployment.yaml": "changed"},
        {name: content for name, content in FILES.items() if name != "app/deployment.yaml"},
        {**FILES, "app/patch.yaml": "no longer absent"},
        {**FILES, "base/more.yaml": "a name more in a listed folder"},
        {**FILES, "app/patch.yaml/inner": "a folder where nothing was"},
    ]
    for changed in changes:
        proof = prove(LOOKED, {"": Tree(FILES)})
        assert proof is not None and not proof.holds({"": Tree(changed)}), changed


def test_content_of_a_listed_folder_counts_only_where_it_was_read() -> None:
    proof = prove(LOOKED, {"": Tree({**FILES, "base/notes.txt": "1"})})
    assert proof is not None and proof.holds({"": Tree({**FILES, "base/notes.txt": "2"})})


def test_a_tree_that_contradicts_the_render_proves_nothing() -> None:
    assert prove(LOOKED, {"": Tree({"app/deployment.yaml": "b"})}) is None
    assert prove(LOOKED, {"": Tree({**FILES, "app/patch.yaml": "was said to be absent"})}) is None
    assert prove(LOOKED, {}) is None


def test_unchanged_folders_cost_one_question_each() -> None:
    proof = prove(LOOKED, {"": Tree(FILES)})
    tree = Tree(FILES)
    assert proof is not None and proof.holds({"": tree})
    assert tree.asked == 2  # app and base


def test_a_folder_found_equal_by_its_paths_is_known_by_its_id_from_then_on() -> None:
    proof = prove(LOOKED, {"": Tree(FILES)})
    assert proof is not None
    later = {**FILES, "app/README.md": "new"}
    assert proof.holds({"": Tree(later)})
    tree = Tree(later)
    assert proof.holds({"": tree}) and tree.asked == 2
    assert proof.holds({"": Tree(FILES)})  # and back again


def test_roots_are_kept_apart() -> None:
    looked = {"": InputPaths(files=("a",)), "values": InputPaths(files=("a",))}
    trees = {"": Tree({"a": "1"}), "values": Tree({"a": "2"})}
    proof = prove(looked, trees)
    assert proof is not None and proof.holds(trees)
    assert not proof.holds({"": trees["values"], "values": trees[""]})
    assert not proof.holds({"": trees[""]})


names = st.sampled_from(["a", "b", "c"])
paths = st.builds("/".join, st.lists(names, min_size=1, max_size=3))


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    files: dict[str, str] = {}
    for path, content in draw(st.lists(st.tuples(paths, st.sampled_from("12")), max_size=8)):
        beneath = any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in files)
        if not beneath:
            files[path] = content
    return files


@given(trees(), trees(), trees(), st.sets(paths, max_size=6))
def test_holding_and_having_the_same_name_agree(
    first: dict[str, str], second: dict[str, str], between: dict[str, str], asked: set[str]
) -> None:
    tree = Tree(first)
    looked = {
        "": InputPaths(
            files=tuple(sorted(path for path in asked if path in first)),
            directories=tuple(sorted(path for path in asked if tree.names(path) is not None)),
            absent=tuple(sorted(path for path in asked if tree.entry(path) is None)),
        )
    }
    proof = prove(looked, {"": tree})
    assert proof is not None and proof.holds({"": Tree(first)})
    proof.holds({"": Tree(between)})  # What was compared before must not matter.
    again = prove(looked, {"": Tree(second)})
    same = again is not None and again.digest() == proof.digest()
    assert proof.holds({"": Tree(second)}) == same
