"""A provisioner of volumes: it makes a volume for each claim, and the real controller binds the two."""

from trueup.devtools.localcluster.stages.stage import Json, stage

PROVISIONER = "trueup.dev/simulated"
STORAGE_CLASS = "standard"

_VOLUME = f"""
apiVersion: v1
kind: PersistentVolume
metadata:
  name: pvc-{{{{ .metadata.uid }}}}
  annotations:
    pv.kubernetes.io/provisioned-by: {PROVISIONER}
spec:
  accessModes:
  {{{{ YAML .spec.accessModes 1 }}}}
  capacity:
    storage: {{{{ .spec.resources.requests.storage | Quote }}}}
  persistentVolumeReclaimPolicy: Delete
  storageClassName: {{{{ or .spec.storageClassName "" | Quote }}}}
  volumeMode: {{{{ or .spec.volumeMode "Filesystem" | Quote }}}}
  claimRef:
    apiVersion: v1
    kind: PersistentVolumeClaim
    namespace: {{{{ .metadata.namespace | Quote }}}}
    name: {{{{ .metadata.name | Quote }}}}
    uid: {{{{ .metadata.uid | Quote }}}}
  hostPath:
    path: /simulated/pvc-{{{{ .metadata.uid }}}}
"""

_OURS = f'.metadata.deletionTimestamp == null and .metadata.annotations["%s"] == "{PROVISIONER}"'


def storage_stages() -> list[Json]:
    """Return the stages of volume claims that ask for our provisioner, and of the volumes that they leave behind."""
    claimed = _OURS % "volume.kubernetes.io/storage-provisioner"
    provided = _OURS % "pv.kubernetes.io/provisioned-by"
    return [
        stage(
            "claim-provisioned",
            "PersistentVolumeClaim",
            f'{claimed} and .status.phase == "Pending" and (.spec.volumeName // "") == ""',
            [{"apply": {"template": _VOLUME}}],
        ),
        stage(
            "volume-reclaimed",
            "PersistentVolume",
            f'{provided} and .status.phase == "Released" and .spec.persistentVolumeReclaimPolicy == "Delete"',
            [{"delete": True}],
        ),
    ]


def storage_class() -> Json:
    """Return the default StorageClass."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
