"""A whole controller: deployed, changed, a bad image taken back; and one command each tells who, when and why."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from support.commands import Ended, run_trueup
from support.e2e import KUSTOMIZATION, PATIENCE, World, kustomization, ready, repository, says

URL = "https://github.com/team/shop"


def web(tag: str, replicas: int) -> dict[str, str]:
    manifest = f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {{app.kubernetes.io/name: web, app.kubernetes.io/version: "{tag}"}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'registry.example.com/shop/web:{tag}'}}]}}
---
apiVersion: v1
kind: Secret
metadata: {{name: key}}
stringData: {{password: secret-{tag}-word}}
"""
    return {"web/web.yaml": manifest}


async def trueup(world: World, *arguments: str) -> Ended:
    database = world.controller.settings.data / "history" / "history.db"
    return await run_trueup(world.cluster, *arguments, TRUEUP_HISTORY=f"sqlite:///{database}")


async def records(world: World, *arguments: str, count: int) -> list[dict[str, Any]]:
    """Ask until there are so many answers: the history is written behind the engine's back."""
    deadline = time.monotonic() + PATIENCE
    while True:
        code, out, err = await trueup(world, "history", *arguments, "-o", "json")
        found: list[dict[str, Any]] = json.loads(out)["history"] if code == 0 else []
        if len(found) == count:
            return found
        assert time.monotonic() < deadline, (code, out, err)
        await asyncio.sleep(0.2)


async def test_the_history_tells_what_happened_and_why(world: World) -> None:
    shop = world.repository("team/shop", web("1.0.0", 1))
    await world.apply(repository("shop", URL))
    await world.apply(kustomization("web", "./web", "shop", wait=True, timeout="2m"))
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)
    message = "Serve the sale (#12)\n\nTwice the replicas for November.\n\nTicket: SHOP-7"
    second = shop.commit(web("1.1.0", 2), message, author="Ada Lovelace <ada@example.org>")
    await world.until(KUSTOMIZATION, "flux-system", "web", lambda body: ready(body, second))
    bad = shop.commit(web("broken", 2), "Try the new base image (#13)")
    await world.until(KUSTOMIZATION, "flux-system", "web", says("is held back"))

    back, sick, sale, first = await records(world, "ks/web", count=4)
    assert [item["ending"] for item in (first, sale, sick, back)] == ["good", "good", "returned", "good"]
    assert back["cause"] == "return" and back["related"] == sick["id"]
    assert sick["commit"]["id"] == bad and back["commit"]["id"] == second, "a return has the commit that came back"
    assert back["revision"].endswith(second)

    # Who deployed version X?
    (answer,) = await records(world, "--version", "1.1.0", "--cause", "change", count=1)
    assert answer["id"] == sale["id"] and answer["pull_request"] == "https://github.com/team/shop/pull/12"
    assert (
        answer["commit"]["author"]["name"] == "Ada Lovelace"
        and len(await records(world, "--author", "ADA@", count=2)) == 2
    )
    # When did this setting change?
    changed = ("--object", "Deployment/flux-system/web", "--field", "spec.replicas")
    assert [item["id"] for item in await records(world, *changed, count=2)] == [sale["id"], first["id"]]
    # Why?
    _, out, _ = await trueup(world, "history", "show", sale["id"][:12])
    for words in (
        "Twice the replicas for November.",
        "spec.replicas: 1 → 2",
        "Ticket: SHOP-7",
        "pull/12",
        "Ada Lovelace <ada@example.org>",
    ):
        assert words in out
    _, out, _ = await trueup(world, "history", "show", sick["id"])
    assert f"led to        {back['id']}: return" in out
    assert "crash-loops" in out and "changed (hidden)" in out
    _, out, _ = await trueup(world, "history", "show", back["id"])
    assert f"caused by     {sick['id']}: change" in out
    assert "held back: main@" in (await trueup(world, "history", "ks/web"))[1]
    code, everything, _ = await trueup(world, "history", "-o", "csv")
    assert code == 0 and everything.count("\n") == 5 and "Serve the sale (#12)" in everything
    for form in ("json", "yaml", "table"):
        _, text, _ = await trueup(world, "history", "-o", form)
        assert "-word" not in text and "c2VjcmV0" not in text
    code, out, err = await trueup(world, "history", "verify")
    assert code == 0, out + err


async def test_where_no_database_is_the_short_history_answers_and_says_so(world: World) -> None:
    nowhere = ("--history-url", "sqlite:////nonexistent/history.db")
    code, out, err = await trueup(world, "history", "ks/web", *nowhere, "-o", "json")
    assert code == 0 and json.loads(out)["held"] is not None, err
    assert "short history" in err and "there is no history at /nonexistent/history.db" in err
    code, out, err = await trueup(world, "history", "--author", "ada", *nowhere)
    assert code == 1 and err.splitlines()[1].startswith("hint: name it with --history-url")


async def test_a_history_that_git_has_rewritten_is_still_told(world: World) -> None:
    shop = world.repository("team/rewritten", web("1.0.0", 1))
    await world.apply(repository("rewritten", "https://github.com/team/rewritten"))
    await world.apply(kustomization("rewritten", "./web", "rewritten", wait=True, targetNamespace="argocd"))
    await world.until(KUSTOMIZATION, "flux-system", "rewritten", ready)
    old = shop.commit(web("1.1.0", 1), "Ship 1.1.0 (#21)", author="Ada Lovelace <ada@example.org>")
    await world.until(KUSTOMIZATION, "flux-system", "rewritten", lambda body: ready(body, old))
    (before,) = await records(world, "ks/rewritten", "--version", "1.1.0", count=1)
    new = shop.commit(web("2.0.0", 1), "A history of its own", parents=[])
    shop.git("reflog", "expire", "--expire=now", "--all")
    shop.git("gc", "--quiet", "--prune=now")
    await world.until(KUSTOMIZATION, "flux-system", "rewritten", lambda body: ready(body, new))
    (after,) = await records(world, "ks/rewritten", "--version", "2.0.0", count=1)
    assert after["previous"].endswith(old) and after["commit"]["id"] == new
    (again,) = await records(world, "ks/rewritten", "--version", "1.1.0", count=1)
    assert again == before and again["commit"]["author"]["name"] == "Ada Lovelace"
    _, out, _ = await trueup(world, "history", "show", again["id"])
    assert "Ship 1.1.0 (#21)" in out and "pull/21" in out
    assert (await trueup(world, "history", "verify"))[0] == 0
    code, _, err = await trueup(world, "diff", "ks/rewritten", "--from", old, "--to", "main")
    assert code == 2 and old[:8] in err, "what Git no longer has is said to be gone"
