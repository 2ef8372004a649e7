"""What is configured for all Applications and not read is named by each of them, and no longer when it is gone."""

from __future__ import annotations

from support.e2e import APPLICATION, World, application, says, synced, told
from trueup.core.model.objects import Body

CONFIGURED = """apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  url: https://argocd.example.com
  resource.customizations.ignoreDifferences.apps_Deployment: "jsonPointers: [/spec/replicas]"
  kustomize.buildOptions: --enable-helm
  application.resourceTrackingMethod: annotation
"""


async def test_what_of_argocd_cm_is_not_read_is_named(world: World) -> None:
    world.repository("team/cm", {"x/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: b}\n"})
    await world.apply(application("cm", "https://github.com/team/cm", "x", "cm"))
    await world.until(APPLICATION, "argocd", "cm", synced)
    await world.apply(CONFIGURED)
    keys = "kustomize.buildOptions, resource.customizations.ignoreDifferences.apps_Deployment"
    found = await world.until(APPLICATION, "argocd", "cm", says(f"argocd-cm: {keys}: not read yet"))
    assert "resourceTrackingMethod" not in told(found) and "url" not in told(found)
    await world.delete(("", "ConfigMap"), "argocd", "argocd-cm")

    def silent(body: Body | None) -> bool:
        return "argocd-cm" not in told(body)

    await world.until(APPLICATION, "argocd", "cm", silent)
