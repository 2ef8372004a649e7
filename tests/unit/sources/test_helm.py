"""What of Helm repositories needs no server: URLs, the choice of a version, merged values."""

from __future__ import annotations

import pytest

from trueup.core.model.artifact import Fault, SourceError
from trueup.sources.helm.address import read_helm_address
from trueup.sources.helm.choosing import Entry, chosen
from trueup.sources.helm.rewriting import Refused, read, together

SHOWN = "https://charts.example"


def entries(*versions: str) -> list[Entry]:
    return [Entry(version, "", ("a.tgz",), f"2026-01-{number + 1:02}") for number, version in enumerate(versions)]


def test_archives_are_relative_to_the_repository_or_named_in_full() -> None:
    address = read_helm_address("https://Charts.Example:8443/stable/?token=a")
    assert address.index == "https://charts.example:8443/stable/index.yaml?token=a"
    assert address.archive("charts/a.tgz") == "https://charts.example:8443/stable/charts/a.tgz?token=a"
    assert address.archive("/top/a.tgz") == "https://charts.example:8443/top/a.tgz?token=a"
    assert address.archive("https://cdn.example/a.tgz") == "https://cdn.example/a.tgz"
    assert address.shown == "https://Charts.Example:8443/stable/" and "token" not in address.shown


def test_a_version_by_the_letter_wins_over_ranges_and_later_builds_over_earlier() -> None:
    known = entries("1.0.0", "v1.1.0", "1.2.0+a", "1.2.0+b", "not a version")
    expected = {"": "1.2.0+b", "1.2.0+a": "1.2.0+a", "v1.1.0": "v1.1.0", "1.1.0": "v1.1.0", "<1.1": "1.0.0"}
    for text, version in expected.items():
        assert chosen(known, "web", text, SHOWN).version == version, text


def test_a_chart_of_pre_releases_alone_says_how_to_have_one() -> None:
    with pytest.raises(SourceError, match="all are pre-releases: name one") as refused:
        chosen(entries("1.0.0-rc.1"), "web", "*", SHOWN)
    assert refused.value.fault is Fault.REF


def test_values_are_merged_mapping_by_mapping() -> None:
    first = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert together(first, {"a": {"c": [2]}, "d": None, "e": "x"}) == {"a": {"b": 1, "c": [2]}, "d": None, "e": "x"}
    assert read("f", "date: 2026-01-02\non: yes\n") == {"date": "2026-01-02", True: True}
    assert read("f", "") == {}


@pytest.mark.parametrize("text", ["[1]", "a: [", "a: &x {b: *x", "x: " + "[" * 200 + "]" * 200, "? [a]\n: b\n"])
def test_values_that_are_no_mapping_are_refused_by_their_file(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read("prod.yaml", text)
    assert refused.value.file == "prod.yaml"
