"""The steps of the story, each with what must be seen before it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from trueup.core.model.objects import Body, ObjectRef
from trueup.devtools.demo import manifests
from trueup.devtools.demo.progress import Notification, NotYet, StepFailed
from trueup.devtools.demo.stage import Stage
from trueup.devtools.demo.watching import (
    APPLICATION,
    DEPLOYMENT,
    KUSTOMIZATION,
    UNITS,
    argo_held,
    argo_synced,
    flux_held,
    flux_ready,
    ref,
    rolled_out,
    together,
)
from trueup.kube.writes import Write

ENVIRONMENTS = tuple(UNITS)
INGRESS = ObjectRef("networking.k8s.io", "Ingress", "production", "shop")

CONTAINERS = "spec.template.spec.containers"
ASKED = {
    f'shop {CONTAINERS}[name="shop"].image': "base/deployment.yaml:",
    "shop spec.replicas": "overlays/production/kustomization.yaml:",
    f'banner {CONTAINERS}[name="banner"].env[name="GREETING"].value': "charts/banner/values.yaml:",
    "shop spec.minReadySeconds": "kubectl-edit",
}
"""Fields, and what each comes from: a base, an overlay, a chart's value, a hand."""


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
    """The steps, over a stage that stands already. Each waits for what it leaves behind, never for what passes."""

    stage: Stage
    telling: Notification

    async def tell(self) -> None:
        """Tell all of it. Raises `StepFailed` with the first step that does not hold."""
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
        async with self.telling.step("first deployment: a root unit by hand, all else from Git"):
            await self.stage.apply_root()
            await self._all_true(self.stage.shop.head())
        self.telling.say("shop-dev by a Flux Kustomization, shop-staging and shop-production by Argo CD Applications,")
        self.telling.say("my-app by one of each")

    async def a_commit(self) -> None:
        """A new image for all environments."""
        async with self.telling.step("a commit: a new image for three environments"):
            commit = self.stage.shop.commit(
                {"base/deployment.yaml": manifests.deployment(manifests.NEXT_IMAGE)},
                "Release 1.1.0 (#12)\n\nCustomers asked for it.\n",
                author=manifests.GRACE,
            )
            await together(*(self._deployment(environment, manifests.NEXT_IMAGE) for environment in ENVIRONMENTS))
            await self._all_true(commit)

    async def a_change_by_hand(self) -> None:
        """Somebody scales production."""
        async with self.telling.step("a change by hand: production scaled to 9, healed"):
            changed = await self._by_hand({"spec": {"replicas": 9}}, "kubectl")
            await self.stage.watcher.until(
                ref(DEPLOYMENT, "production", "shop"),
                "3 replicas again",
                lambda body: body is not None and body["spec"]["replicas"] == 3 and _generation(body) > changed,
            )

    async def who_when_and_why(self) -> None:
        """Say of fields who set them: a base, an overlay, a chart's value, a hand."""
        await self._by_hand({"spec": {"minReadySeconds": 1}}, "kubectl-edit")
        found: dict[str, Blamed] = {}
        async with self.telling.step("trueup blame: who set which field, when, why, and where"):
            for name in ("shop", "banner"):
                asked = {path: origin for path, origin in ASKED.items() if path.startswith(f"{name} ")}

                def true(told: Any, name: str = name, asked: dict[str, str] = asked) -> str:
                    found.update({f"{name} {item['path']}": Blamed(item) for item in told["fields"]})
                    seen = {path: found[path].where if path in found else "nothing" for path in asked}
                    wrong = [path for path, origin in asked.items() if not seen[path].startswith(origin)]
                    return "; ".join(f"{path} should come from {asked[path]}, not from {seen[path]}" for path in wrong)

                await self._answered(true, "blame", f"deployment/production/{name}", "--all")
        for path in ASKED:
            self.telling.say(f"{path.replace(CONTAINERS, '…')} = {found[path].value}")
            self.telling.say(f"    {found[path].words}")

    async def a_broken_image(self) -> None:
        """A bad image is taken back by itself."""
        told: list[str] = []
        async with self.telling.step("a commit with an image that crashes: taken back by itself"):
            before = {environment: await self._generation(environment) for environment in ENVIRONMENTS}
            bad = self.stage.shop.commit(
                {"base/deployment.yaml": manifests.deployment(manifests.BROKEN_IMAGE)},
                "Release 1.2.0 (#13)",
                author=manifests.LINUS,
            )
            await together(*(self._returned(environment, bad, before[environment]) for environment in ENVIRONMENTS))
            told = (await self.stage.trueup("why", "kustomization/shop-dev")).splitlines()
        for line in filter(None, told[1:]):
            self.telling.say(line)

    async def _returned(self, environment: str, bad: str, before: int) -> None:
        # Two changes since: to the bad image, which nobody may have looked at in time, and back.
        await self._deployment(environment, manifests.NEXT_IMAGE, before + 2)
        if environment == "dev":
            await self.stage.watcher.until(
                ref(KUSTOMIZATION, "flux-system", "shop-dev"),
                "Ready False with the bad revision attempted",
                lambda body: flux_held(body, bad),
            )
            return
        target = ref(APPLICATION, "argocd", f"shop-{environment}")
        await self.stage.watcher.until(target, "OutOfSync with a failed operation", argo_held)

    async def a_revert(self) -> None:
        """`git revert` ends the hold."""
        async with self.telling.step("git revert: Git and the cluster agree again"):
            commit = self.stage.shop.revert()
            await self._all_true(commit)

    async def what_the_history_knows(self) -> None:
        """Ask who deployed an image, what was taken back, and whether the record is as it was written."""

        def returned(told: Any) -> str:
            found = told["history"]
            return "" if len(found) >= len(ENVIRONMENTS) else f"only {len(found)} deployments were taken back"

        def by_grace(told: Any) -> str:
            found = told["history"]
            who = ", ".join(sorted({str(item["commit"]["author"]["name"]) for item in found})) or "nobody"
            right = len(found) >= len(ENVIRONMENTS) and who == "Grace"
            return "" if right else f"{len(found)} are by {who}, not by Grace"

        shown: dict[str, list[dict[str, Any]]] = {}
        async with self.telling.step("trueup history: who deployed it, what was taken back?"):
            await self._answered(returned, "history", "--outcome", "returned")
            await self._answered(by_grace, "history", "--image", "shop:1.1.0", "--cause", "change")
            await self.stage.trueup("history", "verify")
            shown = await self._answered(lambda told: "", "history", "app/shop-production", "--limit", "6")
        for item in shown["history"]:
            commit = item.get("commit") or {}
            subject = str(commit.get("message") or "").partition("\n")[0]
            author = (commit.get("author") or {}).get("name") or ""
            self.telling.say(
                f"{item['id'][:12]}  {item.get('ending', ''):<8}  {item.get('cause', ''):<6}  {author:<6}  {subject}"
            )

    async def a_file_removed(self) -> None:
        """What Git no longer has goes."""
        async with self.telling.step("a file removed: the Ingress is pruned"):
            await self.stage.watcher.until(INGRESS, "the Ingress that is to go", lambda body: body is not None)
            self.stage.shop.commit(
                {
                    "overlays/production/ingress.yaml": None,
                    "overlays/production/kustomization.yaml": manifests.PRODUCTION_WITHOUT_INGRESS,
                },
                "Close the shop's door",
            )
            await self.stage.watcher.until(INGRESS, "its removal", lambda body: body is None)

    async def a_disaster(self) -> None:
        """The whole cluster is lost; the root unit and its credentials bring it back."""
        async with self.telling.step("disaster: etcd wiped, an empty control plane in its place"):
            await self.stage.wipe()
        async with self.telling.step("the root unit again: the cluster is rebuilt from Git"):
            await self.stage.apply_root()
            await self._all_true(self.stage.shop.head())

    async def _by_hand(self, change: dict[str, Any], manager: str) -> int:
        """Change production's Deployment as somebody would, and give the generation that this made."""
        target = ref(DEPLOYMENT, "production", "shop")

        async def change_it() -> int:
            resource = await self.stage.mapper.of(target)
            write = Write(manager=manager)
            return _generation(
                (await self.stage.client.patch(resource, target.name, target.namespace, change, write=write)).body
            )

        return await self.stage.watcher.patiently(change_it)

    async def _generation(self, environment: str) -> int:
        body = await self.stage.watcher.until(
            ref(DEPLOYMENT, environment, "shop"), "the Deployment", lambda body: body is not None
        )
        return _generation(body or {})

    async def _answered(self, wrong: Callable[[Any], str], *command: str) -> Any:
        """Ask `trueup` for JSON until the answer is right. `wrong` says what is not; raises `StepFailed` with that."""

        async def ask() -> Any:
            told = msgspec.json.decode(await self.stage.trueup(*command, "-o", "json"))
            if words := wrong(told):
                raise NotYet(words)
            return told

        try:
            return await self.stage.watcher.patiently(ask)
        except NotYet as last:
            raise StepFailed(f"`trueup {' '.join(command)}` did not answer as it should: {last}") from None

    async def _all_true(self, commit: str) -> None:
        """Wait until every unit says that it is true to a commit, and what it delivers runs."""
        until = self.stage.watcher.until
        await together(
            until(ref(KUSTOMIZATION, "flux-system", "root"), "Ready", lambda body: flux_ready(body, commit)),
            until(ref(KUSTOMIZATION, "flux-system", "shop-dev"), "Ready", lambda body: flux_ready(body, commit)),
            until(ref(KUSTOMIZATION, "flux-system", "my-app"), "Ready", flux_ready),
            *(
                until(ref(APPLICATION, "argocd", name), "Synced and Healthy", argo_synced)
                for name in ("my-app", "banner")
            ),
            *(
                until(
                    ref(APPLICATION, "argocd", f"shop-{environment}"),
                    "Synced and Healthy",
                    lambda body: argo_synced(body, commit),
                )
                for environment in ("staging", "production")
            ),
        )
        await together(*(self._deployment(environment) for environment in ENVIRONMENTS))

    async def _deployment(self, environment: str, image: str = "", generation: int = 0) -> None:
        await self.stage.watcher.until(
            ref(DEPLOYMENT, environment, "shop"),
            f"every replica running {image or 'its image'}",
            lambda body: rolled_out(body, image, generation),
        )


def _generation(body: Body) -> int:
    return int(body["metadata"]["generation"])
