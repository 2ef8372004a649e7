"""`argocd-notifications-cm`, subscriptions and what is remembered, in every form that Argo CD documents."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trueup.core.notification.expressions import Condition
from trueup.dialects.argo.notifications import subscriptions
from trueup.dialects.argo.notifications.catalogue import standard_configuration
from trueup.dialects.argo.notifications.configuration import (
    Configuration,
    DefaultSubscription,
    Rule,
    ServiceConfig,
    read_configuration,
)
from trueup.dialects.argo.notifications.notified import MAX_REMEMBERED, Remembered, read_remembered, remembered_key
from trueup.dialects.argo.notifications.selectors import parse_selector, selects
from trueup.dialects.argo.notifications.subscriptions import MAX_DESTINATIONS, Destination, destinations_of

EXAMPLE = {
    "context": "argocdUrl: https://cd.example\nregion: 1\n",
    "service.slack": "token: $slack-token\n",
    "service.email.gmail": "{username: $email-username, host: smtp.gmail.com, port: 465}",
    "service.webhook.form": "url: https://example.com\nheaders:\n- name: A\n  value: b\n",
    "template.mine": "message: hello {{.app.metadata.name}}\nemail:\n  subject: hi\n",
    "trigger.mine": "- when: app.a == 'b'\n  oncePer: app.c\n  send: [mine, other]\n  description: words\n"
    "- when: true\n",
    "trigger.single": "when: app.a\noncePer: app.b\nsend: [mine]\n",
    "subscriptions": "- recipients: [slack:room, 'email:a@b.c', form]\n  triggers: [mine]\n  selector: team=a,!old\n",
    "defaultTriggers": "- mine\n",
    "defaultTriggers.slack": "- mine\n- single\n",
    "unrelated": "{{",
}


def app(annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"metadata": {"name": "web", "annotations": annotations or {}, "labels": labels or {}}}


def test_every_entry_is_read() -> None:
    found = read_configuration(EXAMPLE)
    assert found.problems == ()
    assert found.context == {"argocdUrl": "https://cd.example", "region": "1"}
    assert found.services == {
        "slack": ServiceConfig("slack", "slack", {"token": "$slack-token"}),
        "gmail": ServiceConfig(
            "email", "gmail", {"username": "$email-username", "host": "smtp.gmail.com", "port": 465}
        ),
        "form": ServiceConfig(
            "webhook", "form", {"url": "https://example.com", "headers": [{"name": "A", "value": "b"}]}
        ),
    }
    assert found.triggers == {
        "mine": (
            Rule(Condition("app.a == 'b'", "app.c"), ("mine", "other"), "words"),
            Rule(Condition("true")),
        ),
        "single": (Rule(Condition("app.a", "app.b"), ("mine",)),),
    }
    assert found.templates == {"mine": {"message": "hello {{.app.metadata.name}}", "email": {"subject": "hi"}}}
    assert found.subscriptions == (
        DefaultSubscription(("slack:room", "email:a@b.c", "form"), ("mine",), parse_selector("team=a,!old")),
    )
    assert found.default_triggers == ("mine",)
    assert found.service_default_triggers == {"slack": ("mine", "single")}


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("trigger.bad", "- when: [", "line"),
        ("trigger.bad", "just words", "list"),
        ("template.bad", "- a list", "fields"),
        ("service.a.b.c", "{}", "service.<type>"),
        ("subscriptions", "- recipients: [a]\n  selector: '='\n", "selector"),
        ("subscriptions", "recipients: [a]", "list"),
        ("context", "words", "fields"),
        ("template.bomb", "a: &a [1]\nmessage: *a\n", "aliases"),
        ("template.tag", "message: !!python/object:os.system {}", "constructor"),
        ("template.deep", "[" * 100_000 + "]" * 100_000, "deeply"),
        ("template.long", "message: " + "x" * 300_000, "longer"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_and_takes_nothing_with_it(key: str, text: str, words: str) -> None:
    found = read_configuration({**EXAMPLE, key: text})
    assert any(problem.startswith(key) and words in problem for problem in found.problems)
    assert "mine" in found.triggers and "slack" in found.services and len(found.problems) == 1


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(EXAMPLE)),
        st.text("[]{}-: \n'ab|!&*?", max_size=40) | st.sampled_from(["[]", "{}", "- - -", "null"]),
    )
)
def test_nothing_in_it_raises(data: dict[str, str]) -> None:
    destinations_of(app(), None, read_configuration(data))


def test_what_users_write_goes_before_the_catalogue() -> None:
    standard = standard_configuration()
    found = read_configuration({"trigger.on-deployed": "- when: 'false'"}, standard)
    assert found.triggers["on-deployed"] == (Rule(Condition("false")),)
    assert found.triggers["on-sync-failed"] == standard.triggers["on-sync-failed"]
    assert standard.triggers["on-deployed"] != found.triggers["on-deployed"]


def test_the_catalogue_has_upstreams_names_and_every_template_it_sends() -> None:
    standard = standard_configuration()
    ours = "created deleted deployed health-degraded sync-failed sync-running sync-status-unknown sync-succeeded"
    names = ours.split()
    assert {f"on-{name}" for name in names} | {"on-drift"} == set(standard.triggers)
    assert {f"app-{name}" for name in names} | {"app-drifted"} == set(standard.templates)
    assert all(set(rule.send) <= set(standard.templates) for rules in standard.triggers.values() for rule in rules)


READ = read_configuration(EXAMPLE)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"subscribe.mine.slack": "a; b ;;c"}, {"mine": [("slack", "a"), ("slack", "b"), ("slack", "c")]}),
        ({"subscribe.mine.form": ""}, {"mine": [("form", "")]}),
        ({"subscribe.slack": "a"}, {"mine": [("slack", "a")], "single": [("slack", "a")]}),
        ({"subscribe.gmail": "a@b.c"}, {"mine": [("gmail", "a@b.c")]}),
        (
            {
                "subscriptions": "- trigger: [one, two]\n  destinations:\n  - service: slack\n    recipients: [a, b]\n"
                "  - service: form\n"
            },
            {name: [("slack", "a"), ("slack", "b"), ("form", "")] for name in ("one", "two")},
        ),
        (
            {"subscriptions": "- destinations: [{service: gmail, recipients: [a@b.c]}]"},
            {"mine": [("gmail", "a@b.c")]},
        ),
        ({"subscriptions": "words"}, {}),
        ({"subscriptions": "- trigger: [["}, {}),
        ({"subscribe.mine.slack": " ; "}, {}),
        ({"subscribe.": "a"}, {}),
    ],
)
def test_annotations(annotations: dict[str, str], expected: dict[str, list[tuple[str, str]]]) -> None:
    body = app({f"notifications.argoproj.io/{key}": value for key, value in annotations.items()})
    wanted = {trigger: tuple(Destination(*each) for each in told) for trigger, told in expected.items()}
    assert destinations_of(body, None, READ) == wanted
    assert destinations_of(app(), body, READ) == wanted, "a project's annotations are those of its applications"
    assert destinations_of(body, body, READ) == wanted, "nobody is told twice"


def test_triggers_times_recipients_are_not_made_beyond_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    def counted(service: str, recipient: str = "") -> Destination:
        nonlocal made
        made += 1
        return Destination(service, recipient)

    monkeypatch.setattr(subscriptions, "Destination", counted)
    names = [str(number) for number in range(1000)]
    text = json.dumps([{"trigger": names, "destinations": [{"service": "slack", "recipients": names}]}])
    found = destinations_of(app({"notifications.argoproj.io/subscriptions": text}), None, Configuration())
    assert sum(map(len, found.values())) == made == MAX_DESTINATIONS


def test_default_subscriptions_choose_by_labels() -> None:
    expected = (Destination("slack", "room"), Destination("email", "a@b.c"), Destination("form", ""))
    assert destinations_of(app(labels={"team": "a"}), None, READ) == {"mine": expected}
    assert destinations_of(app(labels={"team": "a", "old": ""}), None, READ) == {}
    assert destinations_of(app(), None, READ) == {}
    everybody = read_configuration({"subscriptions": "- recipients: [slack:x]", "defaultTriggers": "[mine]"})
    assert destinations_of(app(), None, everybody) == {"mine": (Destination("slack", "x"),)}


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a == b,c!=d", {"a": "b"}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (b, c)", {"a": "c"}, True),
        ("a in (b,c),d", {"a": "c"}, False),
        ("a notin (b,c)", {}, True),
        ("a notin (b,c)", {"a": "b"}, False),
        ("!a", {"a": ""}, False),
        ("app.kubernetes.io/name=web", {"app.kubernetes.io/name": "web"}, True),
    ],
)
def test_selectors(text: str, labels: dict[str, str], expected: bool) -> None:
    assert selects(parse_selector(text), labels) is expected


def test_what_was_told_is_kept_under_the_names_argo_cd_uses() -> None:
    # The condition's name is the SHA-1 of its text, in URL-safe base64 without padding.
    assert remembered_key("on-created", 0, "true", "", Destination("slack", "room")) == (
        "on-created:[0].X_5TO4MPCKAyY0ipFgr6_IraRNs:slack:room"
    )
    key = remembered_key("t", 1, "app.a", "abc", Destination("mail", ""))
    assert key.startswith("abc:t:[1].") and key.endswith(":mail:")


def test_what_is_remembered_is_bounded_and_survives_being_written() -> None:
    remembered = Remembered()
    for number in range(MAX_REMEMBERED + 20):
        remembered = remembered.having_told(f"k{number}", number)
    text = remembered.text()
    assert text is not None
    again = read_remembered(text)
    assert len(again.told) == MAX_REMEMBERED and again.knows("k119") and not again.knows("k0")
    assert again.without("k119").having_told("x", 5).knows("x")
    assert Remembered().text() is None


@pytest.mark.parametrize("text", ["", "words", "[]", '{"a": "b"}', "null", "[" * 10_000])
def test_what_cannot_be_read_back_counts_as_nothing(text: str) -> None:
    assert read_remembered(text) == Remembered()


def test_the_example_is_what_a_cluster_would_give() -> None:
    assert read_configuration(yaml.safe_load(yaml.safe_dump(EXAMPLE))) == READ
    assert Configuration() == read_configuration({})
