"""By what an entry is found, and how links of a chain follow each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.deployments import a_record
from trueup.core.fields.changes import FieldChange, ObjectChange
from trueup.core.model.state import HistoryEntry
from trueup.history.chain import START, Head, link_digest, seal_of
from trueup.history.entries import FIELDS_KEPT, decode_entry, entry_of, microseconds, moment, recovered_entry
from trueup.history.terms import Kind, image_forms, revision_forms, terms_of, version_forms


@pytest.mark.parametrize(
    ("image", "forms"),
    [
        ("nginx", {"nginx"}),
        ("docker.io/library/nginx:1.27", {"nginx:1.27", "nginx"}),
        (
            "host:5000/team/web:1",
            {"host:5000/team/web:1", "team/web:1", "web:1", "host:5000/team/web", "team/web", "web"},
        ),
        ("web@sha256:ab", {"web", "sha256:ab"}),
    ],
)
def test_an_image_is_found_by_all_its_names(image: str, forms: set[str]) -> None:
    assert set(image_forms(image)) == forms


def test_revisions_and_versions_are_found_as_people_write_them() -> None:
    assert set(revision_forms("main@sha1:abc")) == {"abc", "main"}
    assert set(revision_forms("sha1:abc")) == {"abc"}
    assert set(version_forms("web v1.2.3")) == {"web v1.2.3", "v1.2.3", "1.2.3"}


def test_an_entry_is_found_by_who_what_and_where() -> None:
    found = {(term.kind, term.value) for term in terms_of(entry_of(a_record(1)))}
    assert found >= {
        (Kind.UNIT, "application/argocd/app-1"),
        (Kind.AUTHOR, "grace hopper <grace@example.org>"),
        (Kind.FIELD, "deployment/shop/app-1 spec.replicas"),
        (Kind.PATH, "spec.replicas"),
        (Kind.PULL_REQUEST, "1"),
        (Kind.VERSION, "1.2.1"),
    }


def test_an_entry_names_its_pull_request_and_survives_storage() -> None:
    entry = entry_of(a_record(7))
    assert entry.pull_request == "https://github.com/team/shop/pull/7"
    import msgspec

    assert decode_entry(msgspec.json.encode(entry)) == entry
    assert moment(microseconds(entry.at)) == entry.at


def test_a_huge_record_keeps_a_bounded_number_of_fields() -> None:
    fields = tuple(FieldChange(f"data.k{number}", "1", "2") for number in range(200))
    changes = tuple(ObjectChange("", "ConfigMap", "x", f"m{number}", "change", fields) for number in range(50))
    record = entry_of(a_record(1, changes=changes)).record
    assert record is not None and sum(len(change.fields) for change in record.changes) == FIELDS_KEPT
    assert sum(len(change.fields) + change.more for change in record.changes) == 200 * 50


def test_a_short_history_tells_what_it_knows() -> None:
    unit = a_record(1).unit
    good = HistoryEntry(3, "main@sha1:ab", "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z", "good", sync="s1")
    entry = recovered_entry(unit, "uid", good)
    assert (
        entry is not None and entry.recovered and entry.record is not None and entry.record.revision == "main@sha1:ab"
    )
    assert not any(term.kind is Kind.CAUSE for term in terms_of(entry)), "its cause is a guess"
    assert recovered_entry(unit, "uid", HistoryEntry(3, "r", "", "never", "good", sync="s1")) is None


@given(st.lists(st.binary(max_size=30), min_size=2, max_size=8, unique=True), st.data())
def test_an_altered_link_breaks_every_digest_after_it(entries: list[bytes], data: st.DataObject) -> None:
    def digests(items: list[bytes]) -> list[str]:
        head, found = START, []
        for item in items:
            head = Head(head.link + 1, link_digest("w", head, item), "id", 1)
            found.append(head.digest)
        return found

    place = data.draw(st.integers(0, len(entries) - 1))
    altered = [*entries[:place], entries[place] + b"!", *entries[place + 1 :]]
    before, after = digests(entries), digests(altered)
    assert before[:place] == after[:place]
    assert all(old != new for old, new in zip(before[place:], after[place:], strict=True))


def test_a_seal_is_over_all_values_and_the_seal_before() -> None:
    assert len({seal_of("", [1, "a"]), seal_of("x", [1, "a"]), seal_of("", [1, "b"]), seal_of("", ["1", "a"])}) == 4
