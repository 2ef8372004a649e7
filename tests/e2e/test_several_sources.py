"""Applications with several sources, and with parameters that their repository overrides: real Git, real charts."""

from __future__ import annotations

import re
from typing import Any

import pytest_asyncio
import yaml

from support.commands import run_trueup
from support.e2e import APPLICATION, World, application, says
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository

MAPS = ("", "ConfigMap")
WHERE = "argocd"
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "chart/values.yaml": "value: from the chart\ntag: none\nrevision: none\n",
    "chart/templates/map.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: chart}\ndata:\n  value: {{ .Values.value | quote }}\n"
        "  tag: {{ .Values.tag | quote }}\n  revision: {{ .Values.revision | quote }}\n"
    ),
}


def config(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value!r}}}\n"


class Three:
    """One Application of three sources: values first, then the chart that uses them, then plain files."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.values = world.repository(f"{name}/values", {"prod/web.yaml": "value: one\n"})
        self.charts = world.repository(f"{name}/charts", dict(CHART))
        self.plain = world.repository(f"{name}/plain", {"plain/map.yaml": config("plain", "1")})

    def body(self) -> dict[str, Any]:
        url = f"https://github.com/{self.name}"
        helm = {"valueFiles": ["$values/prod/web.yaml"]}
        body: dict[str, Any] = yaml.safe_load(application(self.name, "", "", self.name))
        del body["spec"]["source"]
        body["spec"]["sources"] = [
            {"repoURL": f"{url}/values", "targetRevision": "main", "ref": "values"},
            {"repoURL": f"{url}/charts", "targetRevision": "main", "path": "chart", "helm": helm},
            {"repoURL": f"{url}/plain", "targetRevision": "main", "path": "plain"},
        ]
        return body

    @property
    def heads(self) -> list[str]:
        return [one.head() for one in (self.values, self.charts, self.plain)]

    async def until(self, value: str, plain: str, heads: list[str] | None = None) -> Body:
        """Wait until both objects say so and the Application is synced at these revisions."""
        wanted = heads or self.heads

        def holds(body: Body | None) -> bool:
            status = (body or {}).get("status") or {}
            sync = status.get("sync") or {}
            good = sync.get("status") == "Synced" and (status.get("health") or {}).get("status") == "Healthy"
            return good and sync.get("revisions") == wanted

        body = await self.world.until(APPLICATION, WHERE, self.name, holds)
        assert await self.data("chart", "value") == value and await self.data("plain", "value") == plain
        return body

    async def data(self, name: str, key: str) -> str | None:
        found = await self.world.get(MAPS, self.name, name)
        return found["data"].get(key) if found else None


def renders(world: World) -> int:
    return world.session().renderer.renders


async def trueup(world: World, *arguments: str, code: int = 0) -> str:
    done = await run_trueup(world.cluster, *arguments)
    assert done.code == code, done
    return done.out + done.err


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def three(world: World) -> Three:
    made = Three(world, "three")
    await world.apply(yaml.safe_dump(made.body()))
    await made.until("one", "1")
    return made


async def test_the_status_shows_all_sources_as_upstream_does(three: Three) -> None:
    body = await three.until("one", "1")
    status, sources = body["status"], three.body()["spec"]["sources"]
    assert status["sync"]["comparedTo"]["sources"] == sources and "revision" not in status["sync"]
    assert status["sourceTypes"] == ["", "Helm", "Directory"] and "sourceType" not in status
    assert status["history"][-1]["revisions"] == three.heads and status["history"][-1]["sources"] == sources
    result = status["operationState"]["syncResult"]
    assert result["revisions"] == three.heads and result["sources"] == sources and result["revision"] == ""
    assert {item["name"] for item in status["resources"]} == {"chart", "plain"}


async def test_a_commit_in_one_source_renders_that_source_only(three: Three) -> None:
    before = renders(three.world)
    three.plain.commit({"plain/map.yaml": config("plain", "2")}, "plain 2")
    await three.until("one", "2")
    assert renders(three.world) == before + 1
    three.values.commit({"staging/web.yaml": "value: other\n"}, "another environment")
    await three.until("one", "2")
    assert renders(three.world) == before + 1, "no file that is read has changed"
    three.values.commit({"prod/web.yaml": "value: two\n"}, "values 2")
    await three.until("two", "2")
    assert renders(three.world) == before + 2


async def test_what_is_broken_in_one_source_keeps_what_was_good_of_all(three: Three) -> None:
    three.values.commit({"prod/web.yaml": "value: [broken\n"}, "broken")
    await three.world.until(APPLICATION, WHERE, three.name, says("prod/web.yaml"))
    three.plain.commit({"plain/map.yaml": config("plain", "3")}, "plain 3")
    await three.world.until(
        APPLICATION,
        WHERE,
        three.name,
        lambda body: says("prod/web.yaml")(body) and (body or {})["status"]["sync"].get("revisions") == three.heads,
    )
    assert [await three.data("chart", "value"), await three.data("plain", "value")] == ["two", "2"]
    three.values.commit({"prod/web.yaml": "value: three\n"}, "mended")
    await three.until("three", "3")


async def test_questions_about_it_are_answered_for_all_its_sources(three: Three) -> None:
    three.values.commit({"prod/web.yaml": "value: four\n"}, "values 4", author="Ada <ada@example.org>")
    await three.until("four", "3")
    out = await trueup(
        three.world, "diff", f"app/{three.name}", "--revision", f"3={three.plain.git('rev-parse', 'main~1')}", code=1
    )
    assert "value: '2'" in out
    told = await trueup(three.world, "diff", f"app/{three.name}", "--revision", "main", code=2)
    assert "3 sources" in told and "2=main" in told
    assert "ConfigMap" in await trueup(three.world, "tree", f"app/{three.name}")
    blamed = await trueup(three.world, "blame", f"configmap/{three.name}/plain")
    assert "plain/map.yaml" in blamed
    await trueup(three.world, "history", f"app/{three.name}")
    await trueup(three.world, "why", f"app/{three.name}")


async def test_it_goes_back_to_an_earlier_set_of_revisions(three: Three) -> None:
    heads = three.heads
    three.values.commit({"prod/web.yaml": "value: five\n"}, "values 5")
    await three.until("five", "3")
    three.plain.commit({"plain/map.yaml": config("plain", "5")}, "plain 5")
    await three.until("five", "5")
    # As `argocd app rollback` asks for it, of an Application that is not synced by itself.
    manual = {"spec": {"syncPolicy": {"automated": None}}}
    await three.world.patch(APPLICATION, WHERE, three.name, manual)
    operation = {"sync": {"revisions": heads, "sources": three.body()["spec"]["sources"]}}
    await three.world.patch(APPLICATION, WHERE, three.name, {"operation": operation})

    def rolled_back(body: Body | None) -> bool:
        state = ((body or {}).get("status") or {}).get("operationState") or {}
        return state.get("phase") == "Succeeded" and state["syncResult"].get("revisions") == heads

    await three.world.until(APPLICATION, WHERE, three.name, rolled_back)
    assert [await three.data("chart", "value"), await three.data("plain", "value")] == ["four", "3"]
    await three.world.apply(yaml.safe_dump(three.body()))
    await three.until("five", "5")


async def test_a_pin_holds_all_sources(three: Three) -> None:
    body = await three.until("five", "5")
    earlier = next(
        entry for entry in reversed(body["status"]["history"]) if entry["revisions"][2] != three.plain.head()
    )
    await trueup(three.world, "rollback", f"app/{three.name}", "--to", str(earlier["id"]))
    assert await three.data("plain", "value") == "3"
    await trueup(three.world, "unpin", f"app/{three.name}")
    await three.until("five", "5")


async def test_an_object_of_two_sources_is_that_of_the_last_and_told(world: World) -> None:
    repository = world.repository("twice/all", {"a/map.yaml": config("same", "a"), "b/map.yaml": config("same", "b")})
    body = yaml.safe_load(application("twice", "", "", "twice"))
    del body["spec"]["source"]
    url = "https://github.com/twice/all"
    body["spec"]["sources"] = [{"repoURL": url, "path": path} for path in ("a", "b")]
    await world.apply(yaml.safe_dump(body))

    def warned(found: Body | None) -> bool:
        status = (found or {}).get("status") or {}
        kinds = {item["type"] for item in status.get("conditions") or ()}
        return "RepeatedResourceWarning" in kinds and (status.get("sync") or {}).get("status") == "Synced"

    await world.until(APPLICATION, WHERE, "twice", warned)
    found = await world.get(MAPS, "twice", "same")
    assert found is not None and found["data"]["value"] == "b"
    # Sources of one repository move together: nothing is ever made of two commits of it.
    head = repository.commit({"a/more.yaml": config("more", "1"), "b/map.yaml": config("same", "c")}, "both")
    await world.until(
        APPLICATION, WHERE, "twice", lambda body: (body or {})["status"]["sync"].get("revisions") == [head, head]
    )
    assert warned(await world.get(APPLICATION, WHERE, "twice"))


# ------------------------------------------------------------------------------------------------ overrides


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def git(world: World) -> Repository:
    return world.repository(
        "team/over", {f"{name}/{path}": text for name in ("one", "two") for path, text in CHART.items()}
    )


async def test_overrides_in_the_repository_are_merged_and_render_their_own_application_only(
    world: World, git: Repository
) -> None:
    for name in ("one", "two"):
        await world.apply(application(name, "https://github.com/team/over", f"{name}/chart", name))
        await at(world, name, git.head())
    before = renders(world)
    git.commit({"one/chart/.argocd-source.yaml": "helm: {parameters: [{name: tag, value: '2'}]}\n"}, "all")
    git.commit({"one/chart/.argocd-source-one.yaml": "helm: {parameters: [{name: tag, value: '3'}]}\n"}, "An updater")
    git.commit({"one/chart/.argocd-source-two.yaml": "helm: {parameters: [{name: tag, value: '9'}]}\n"}, "Not its own")
    await at(world, "one", git.head())
    await at(world, "two", git.head())
    assert [await tag(world, "one"), await tag(world, "two")] == ["3", "none"]
    assert renders(world) <= before + 2
    once = renders(world)
    git.commit(
        {"one/chart/.argocd-source-one.yaml": "helm: {parameters: [{name: tag, value: '3'}]} # again\n"}, "words"
    )
    await at(world, "one", git.head())
    await at(world, "two", git.head())
    assert renders(world) <= once + 1, "a chart may read each of its files, and the other one's are the same"


async def test_a_broken_override_is_an_error_that_names_the_file(world: World, git: Repository) -> None:
    git.commit({"one/chart/.argocd-source-one.yaml": "helm: [\n"}, "broken")
    await world.until(APPLICATION, WHERE, "one", says("one/chart/.argocd-source-one.yaml", "no YAML"))
    assert await tag(world, "one") == "3"
    git.commit({"one/chart/.argocd-source-one.yaml": "helm: {parameters: [{name: tag, value: '4'}]}\n"}, "mended")
    await at(world, "one", git.head())
    assert await tag(world, "one") == "4"


async def test_the_build_environment_has_the_revision_for_those_who_use_it(world: World, git: Repository) -> None:
    parameters = [
        {"name": "revision", "value": "$ARGOCD_APP_REVISION_SHORT"},
        {"name": "tag", "value": "$KUBE_VERSION"},
    ]
    url = "https://github.com/team/over"
    await world.apply(application("built", url, "two/chart", "built", helm={"parameters": parameters}))
    await at(world, "built", git.head())
    found = await world.get(MAPS, "built", "chart")
    assert found is not None and found["data"]["revision"] == git.head()[:7]
    assert re.fullmatch(r"v\d+\.\d+\.\d+.*", found["data"]["tag"])
    before = renders(world)
    head = git.commit({"README.md": "words\n"}, "nothing of any chart")
    await at(world, "built", head)
    await at(world, "two", head)
    found = await world.get(MAPS, "built", "chart")
    assert found is not None and found["data"]["revision"] == head[:7]
    assert renders(world) == before + 1


async def at(world: World, name: str, head: str) -> Body:
    def holds(body: Body | None) -> bool:
        sync = ((body or {}).get("status") or {}).get("sync") or {}
        return sync.get("status") == "Synced" and sync.get("revision") == head

    return await world.until(APPLICATION, WHERE, name, holds)


async def tag(world: World, name: str) -> str | None:
    found = await world.get(MAPS, name, "chart")
    return found["data"]["tag"] if found else None
