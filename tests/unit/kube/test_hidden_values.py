"""What an API server says about a Secret is told without values, and still says what is wrong."""

from __future__ import annotations

import json

import pytest

from trueup.kube.errors import error_of
from trueup.kube.hidden_values import without_values

BODY = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "key", "namespace": "shop"},
        "data": {"p": "c2VjcmV0LXdvcmQ=", "n": 990011},
        "stringData": {"deep": {"in": ["inner-word"]}},
    }
).encode()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            ".data.p: expected string, got &value.valueUnstructured{Value:7}",
            ".data.p: expected string, got something else",
        ),
        ('data[a b]: Invalid value: "a b": a valid config key', "data[***]: Invalid value: ***: a valid config key"),
        ("data[tls.key]: Required value", "data[tls.key]: Required value"),
        (
            'admission webhook "w" denied the request: secret-word is weak',
            'admission webhook "w" denied the request: *** is weak',
        ),
        ("c2VjcmV0LXdvcmQ= and inner-word and 990011", "*** and *** and ***"),
        ('Secret "key" of shop is forbidden', 'Secret "key" of shop is forbidden'),
        ('type: Invalid value: "Opaque": field is immutable', "type: Invalid value: ***: field is immutable"),
    ],
)
def test_values_go_and_reasons_stay(said: str, told: str) -> None:
    assert without_values(said, BODY) == told


@pytest.mark.parametrize("sent", [None, b"", b"no JSON", b"[]", b"7"])
def test_whatever_was_sent(sent: bytes | None) -> None:
    assert without_values("it is refused", sent) == "it is refused"


def test_causes_are_told_so_too() -> None:
    status = {
        "kind": "Status",
        "status": "Failure",
        "reason": "Invalid",
        "message": "inner-word",
        "details": {"causes": [{"field": "data", "message": "got inner-word"}]},
    }
    error = error_of(422, json.dumps(status).encode(), told=lambda words: without_values(words, BODY))
    assert "inner-word" not in str(error) and all("inner-word" not in cause.message for cause in error.causes)
    assert error.causes[0].field == "data"
    assert "inner-word" not in str(error_of(500, b"inner-word", told=lambda words: without_values(words, BODY)))
