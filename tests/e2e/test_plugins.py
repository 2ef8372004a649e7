"""An Application by a plugin, on a cluster: delivered, kept, told, and refused where there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from support.commands import run_trueup
from support.e2e import APPLICATION, World, application, says, synced, world
from trueup.devtools.localcluster import Cluster

URL = "https://github.com/team/plugins"
PLUGIN = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "ConfigManagementPlugin",
    "metadata": {"name": "filler"},
    "spec": {
        "version": "v1",
        "generate": {"command": ["sh", "-c", 'sed "s/NAME/$ARGOCD_APP_NAME/; s/TEAM/$ARGOCD_ENV_TEAM/" template']},
    },
}
TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\ndata: {name: NAME, team: TEAM}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="filled")
async def world_with_plugins(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "filler.yaml").write_text(yaml.safe_dump(PLUGIN))
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        world(cluster, tmp_path_factory.mktemp("world"), poll=1.0, jitter=0.0, plugins=folder) as made,
    ):
        yield made


async def test_what_a_plugin_makes_is_delivered_and_what_it_says_is_told(filled: World) -> None:
    repo = filled.repository("team/plugins", {"app/template": TEMPLATE})
    plugin = {"name": "filler-v1", "env": [{"name": "TEAM", "value": "shop"}]}
    await filled.apply(application("made", URL, "app", "plugged", plugin=plugin))
    body = await filled.until(APPLICATION, "argocd", "made", synced)
    assert body["status"]["sourceType"] == "Plugin"
    made = await filled.get(("", "ConfigMap"), "plugged", "made")
    assert made is not None and made["data"] == {"name": "made", "team": "shop"}
    folder = str(filled.controller.settings.plugins)
    diff = await run_trueup(filled.cluster, "diff", "app/made", TRUEUP_PLUGINS=folder)
    assert diff.code == 0, diff
    without = await run_trueup(filled.cluster, "diff", "app/made")
    assert without.code == 2 and "no config management plugins" in without.err
    await filled.apply(application("other", URL, "app", "other", plugin={"name": "jk"}))
    await filled.until(APPLICATION, "argocd", "other", says("the controller has no plugin 'jk'; it has filler-v1"))
    broken = repo.commit({"app/template": None, "app/other": "x"}, "Remove it")
    await filled.until(APPLICATION, "argocd", "made", says("Plugin filler-v1: sh ended with exit code", "template"))
    assert await filled.get(("", "ConfigMap"), "plugged", "made") == made, "nothing is taken away"
    good = repo.commit({"app/template": TEMPLATE.replace("TEAM", "TEAM, more: '1'")}, "Bring it back")
    assert good != broken
    await filled.until(APPLICATION, "argocd", "made", lambda body: synced(body, good))
