"""The steps of the story, each with what must be seen before it counts."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from trueup.core.model.objects import Body, ObjectRef
from trueup.devtools.demo import manifests
from trueup.devtools.demo.progress import Notification, StepFailed
from trueup.devtools.demo.stage import Stage
from trueup.devtools.demo.watching import (
    APPLICATION,
    DEPLOYMENT,
    KUSTOMIZATION,
    Watcher,
    argo_synced,
    conditions,
    flux_ready,
    image_of,
    ref,
    rolled_out,
)
from trueup.kube.writes import Write

PATIENCE = 15.0
ENVIRONMENTS = ("dev", "staging", "production")
INGRESS = ObjectRef("networking.k8s.io", "Ingress", "production", "shop")


CONTAINERS = "spec.template.spec.containers"
ASKED = {
    f'shop {CONTAINERS}[name="shop"].image': "base/deployment.yaml:",
    "shop spec.replicas": "overlays/production/kustomization.yaml:",
    f'banner {CONTAINERS}[name="banner"].env[name="GREETING"].value': "charts/banner/values.yaml:",
    "shop spec.minReadySeconds": "kubectl-edit",
    "banner spec.replicas": "scaled by HorizontalPodAutoscaler",
}
"""Fields, and what each comes from: a base, an overlay, a chart's value, a hand, an autoscaler."""


class Blamed:
    """One field as `trueup blame -o json` tells of it."""

    def __init__(self, told: dict[str, Any]) -> None:
        """Take what was told."""
        self._told = told
        self.value = str(told.get("value"))

    @property
    def where(self) -> str:
        """The file and line, or else the manager or whatever set it."""
        if self._told.get("line"):
            return f"{self._told['file']}:{self._told['line']}"
        return str(self._told.get("manager") or self._told.get("key"))

    @property
    def words(self) -> str:
        """Who, when, why and where, in one line."""
        commit = self._told.get("commit")
        if not commit:
            since = str(self._told.get("since") or "")
            return f"{self.where}, {since}".removesuffix(", ")
        request = self._told.get("pull_request") or {}
        page = f" {request['url']}" if request.get("url") else ""
        subject = str(commit["message"]).partition("\n")[0]
        return f"{commit['author']['name']}, {commit['author']['when'][:10]}, {subject!r}{page} at {self.where}"


class Story(msgspec.Struct):
    """The steps, over a stage that stands already."""

    stage: Stage
    telling: Notification
    watcher: Watcher

    async def tell(self) -> None:
        """Tell all of it."""
        await self.first_deployment()
        await self.a_commit()
        await self.a_change_by_hand()
        await self.who_when_and_why()
        await self.a_broken_image()
        await self.a_revert()
        await self.what_the_history_knows()
        await self.a_file_removed()
        await self.a_disaster()

    async def first_deployment(self) -> None:
        """Apply the root unit; everything else comes from Git."""
        async with self.telling.step("first deployment: the root unit is applied, the rest comes from Git"):
            await self.stage.apply_root()
            await self._all_true(self.stage.shop.head())
        self.telling.say("shop-dev by a Flux Kustomization, shop-staging and shop-production by Argo CD Applications,")
        self.telling.say("my-app by one of each")

    async def a_commit(self) -> None:
        """A new image for all environments."""
        async with self.telling.step("a commit: a new image in base/, wanted by three environments"):
            commit = self.stage.shop.commit(
                {"base/deployment.yaml": manifests.deployment(manifests.NEXT_IMAGE)},
                "Release 1.1.0 (#12)\n\nCustomers asked for it.\n",
                author=manifests.GRACE,
            )
            await asyncio.gather(*(self._deployment(environment, manifests.NEXT_IMAGE) for environment in ENVIRONMENTS))
            await self._all_true(commit)

    async def a_change_by_hand(self) -> None:
        """Somebody scales production."""
        target = ref(DEPLOYMENT, "production", "shop")
        before = await self.watcher.body(target)
        async with self.telling.step("a change by hand: production scaled to 9, healed"):
            resource = await self.watcher.mapper.of(target)
            await self.watcher.client.patch(resource, "shop", "production", {"spec": {"replicas": 9}})
            await self.watcher.until(
                target,
                "3 replicas",
                lambda body: bool(body and before) and body["spec"]["replicas"] == 3,  # type: ignore[index]
            )

    async def who_when_and_why(self) -> None:
        """Say of fields who set them: a base, an overlay, a chart's value, a hand, an autoscaler."""
        shop, banner = ref(DEPLOYMENT, "production", "shop"), ref(DEPLOYMENT, "production", "banner")
        resource = await self.watcher.mapper.of(shop)
        await self.watcher.client.patch(
            resource, "shop", "production", {"spec": {"minReadySeconds": 1}}, write=Write(manager="kubectl-edit")
        )
        await self.watcher.until(banner, "two replicas, as its autoscaler asks", _scaled)
        found: dict[str, Blamed] = {}
        async with self.telling.step("trueup blame: who set which field, when, why, and where"):
            for target in (shop, banner):
                told = await self.stage.trueup("blame", f"deployment/production/{target.name}", "--all", "-o", "json")
                fields = msgspec.json.decode(told, type=dict[str, Any])["fields"]
                found |= {f"{target.name} {item['path']}": Blamed(item) for item in fields}
            for path, origin in ASKED.items():
                if path not in found or not found[path].where.startswith(origin):
                    seen = found[path].where if path in found else "nothing"
                    raise StepFailed(f"{path} should come from {origin}, not from {seen}")
        for path in ASKED:
            self.telling.say(f"{path.replace(CONTAINERS, '…')} = {found[path].value}")
            self.telling.say(f"    {found[path].words}")

    async def a_broken_image(self) -> None:
        """A bad image is taken back by itself."""
        async with self.telling.step("a commit with an image that crashes: taken back by itself, held, and said why"):
            bad = self.stage.shop.commit(
                {"base/deployment.yaml": manifests.deployment(manifests.BROKEN_IMAGE)},
                "Release 1.2.0 (#13)",
                author=manifests.LINUS,
            )
            await asyncio.gather(*(self._returned(environment, bad) for environment in ENVIRONMENTS))
        for line in (await self.stage.trueup("why", "kustomization/shop-dev")).splitlines()[1:]:
            if line:
                self.telling.say(line)

    async def _returned(self, environment: str, bad: str) -> None:
        target = ref(DEPLOYMENT, environment, "shop")
        await self.watcher.until(target, "the bad image", lambda body: bool(body) and _runs(body, "broken"))
        await self._deployment(environment, manifests.NEXT_IMAGE)
        if environment == "dev":
            await self.watcher.until(
                ref(KUSTOMIZATION, "flux-system", "shop-dev"),
                "Ready False with the bad revision attempted",
                lambda body: (
                    conditions(body).get("Ready", {}).get("status") == "False"
                    and bad in str((body or {}).get("status", {}).get("lastAttemptedRevision"))
                    and bad not in str((body or {}).get("status", {}).get("lastAppliedRevision"))
                ),
            )
            return
        await self.watcher.until(
            ref(APPLICATION, "argocd", f"shop-{environment}"),
            "OutOfSync with a failed operation",
            lambda body: (
                (body or {}).get("status", {}).get("sync", {}).get("status") == "OutOfSync"
                and (body or {}).get("status", {}).get("operationState", {}).get("phase") == "Failed"
            ),
        )

    async def a_revert(self) -> None:
        """`git revert` ends the hold."""
        async with self.telling.step("git revert: Git and the cluster agree again"):
            commit = self.stage.shop.revert()
            await self._all_true(commit)

    async def what_the_history_knows(self) -> None:
        """Ask who deployed an image, what was taken back, and whether the record is as it was written."""
        image = ("history", "--image", "shop:1.1.0", "--cause", "change", "-o", "json")
        async with self.telling.step("trueup history: who deployed shop:1.1.0, what was taken back, is all unaltered?"):
            await self._recorded("history", "--outcome", "returned", "-o", "json", at_least=len(ENVIRONMENTS))
            told = await self._recorded(*image, at_least=len(ENVIRONMENTS))
            who = {str(item["commit"]["author"]["name"]) for item in told}
            if who != {"Grace"}:
                raise StepFailed(f"shop:1.1.0 is Grace's, not {who}")
            await self.stage.trueup("history", "verify")
        lines = await self.stage.trueup("history", "app/shop-production", "--limit", "6")
        for line in lines.splitlines():
            self.telling.say(line.rstrip())

    async def _recorded(self, *command: str, at_least: int) -> list[dict[str, Any]]:
        """Ask the history until it has so many answers: records are stored a moment after a sync."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = msgspec.json.decode(await self.stage.trueup(*command), type=list[dict[str, Any]])
            if len(found) >= at_least:
                return found
            if time.monotonic() > deadline:
                raise StepFailed(f"`trueup {' '.join(command)}` knows {len(found)}, not {at_least}")
            await asyncio.sleep(0.2)

    async def a_file_removed(self) -> None:
        """What Git no longer has goes."""
        async with self.telling.step("a file removed: the Ingress is pruned"):
            if await self.watcher.body(INGRESS) is None:
                raise StepFailed(f"{INGRESS} was not there before")
            self.stage.shop.commit(
                {
                    "overlays/production/ingress.yaml": None,
                    "overlays/production/kustomization.yaml": manifests.PRODUCTION_WITHOUT_INGRESS,
                },
                "Close the shop's door",
            )
            await self.watcher.until(INGRESS, "its removal", lambda body: body is None)

    async def a_disaster(self) -> None:
        """The whole cluster is lost; the root unit and its credentials bring it back."""
        async with self.telling.step("disaster: etcd wiped, an empty control plane in its place"):
            await self.stage.wipe()
        async with self.telling.step("the root unit is applied again, and the cluster is rebuilt from Git"):
            await self.stage.apply_root()
            await self._all_true(self.stage.shop.head())

    async def _all_true(self, commit: str) -> None:
        """Wait until every unit says that it is true to a commit, and what it delivers runs."""
        await asyncio.gather(
            self.watcher.until(
                ref(KUSTOMIZATION, "flux-system", "root"), "Ready", lambda body: flux_ready(body, commit)
            ),
            self.watcher.until(
                ref(KUSTOMIZATION, "flux-system", "shop-dev"), "Ready", lambda body: flux_ready(body, commit)
            ),
            self.watcher.until(ref(KUSTOMIZATION, "flux-system", "my-app"), "Ready", flux_ready),
            self.watcher.until(ref(APPLICATION, "argocd", "my-app"), "Synced and Healthy", argo_synced),
            # Its autoscaler has no metrics here, which its health says as soon as the autoscaler has asked for them.
            self.watcher.until(
                ref(APPLICATION, "argocd", "banner"), "Synced", lambda body: argo_synced(body, healthy=False)
            ),
            *(
                self.watcher.until(
                    ref(APPLICATION, "argocd", f"shop-{environment}"),
                    "Synced and Healthy",
                    lambda body: argo_synced(body, commit),
                )
                for environment in ("staging", "production")
            ),
        )
        await asyncio.gather(*(self._deployment(environment) for environment in ENVIRONMENTS))

    async def _deployment(self, environment: str, image: str = "") -> None:
        await self.watcher.until(
            ref(DEPLOYMENT, environment, "shop"),
            f"every replica running {image or 'its image'}",
            lambda body: rolled_out(body, image),
        )


def _scaled(body: Body | None) -> bool:
    return body is not None and body["spec"].get("replicas") == 2


def _runs(body: object, tag: str) -> bool:
    return isinstance(body, dict) and image_of(body).endswith(f":{tag}")
