"""Signatures of unit states: whoever may write one in a namespace could else make the controller act for them.

A state is signed with a key that lies in a Secret of the controller's own namespace, over the unit it is of and all of
its content. What bears no valid signature is not believed. Where the key is lost, another is made: then nothing is
believed that was stored before, and what a unit owns is found by the marks of the objects that its state names.

States that were stored before there were signatures are believed once: when the very first key is made, and no state
in the cluster bears a signature yet.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

import structlog

from trueup.core.model.objects import canonical_json
from trueup.core.ports import Unreachable
from trueup.kube.client import KubeClient
from trueup.kube.errors import AlreadyExists
from trueup.kube.resource import Resource
from trueup.kube.writes import Write

log = structlog.get_logger(__name__)

SIGNATURE = "trueup.dev/signature"
"""The annotation of a state that holds its signature, in hexadecimal."""

SECRET = "trueup-state-key"
FIELD = "key"
UNSIGNED = "trueup.dev/believes-unsigned-states"
"""The annotation of the key's Secret from when the first key is made until every state is signed."""

KEY_BYTES = 32
SECRETS = Resource("", "v1", "secrets", "Secret", True)


class Signer:
    """Signs and checks with one key."""

    def __init__(self, key: bytes) -> None:
        """Take the key; it is shown to nobody."""
        self._key = key

    def sign(self, name: str, namespace: str, uid: str, state: object) -> str:
        """Sign a state, as decoded JSON, of the unit with this uid whose record has this name."""
        return hmac.new(self._key, canonical_json([name, namespace, uid, state]), hashlib.sha256).hexdigest()

    def signed(self, signature: str, name: str, namespace: str, uid: str, state: object) -> bool:
        """Say whether a signature is this key's of this state."""
        return hmac.compare_digest(signature.encode(), self.sign(name, namespace, uid, state).encode())


class StateKeys:
    """The key's Secret in one namespace."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        """Take a client whose writes are fenced."""
        self._client = client
        self._namespace = namespace

    async def read(self, *, first: bool) -> tuple[Signer, bool]:
        """Give the key, made where there is none, and whether states without a signature are believed.

        `first`: no state bears a signature yet. Raises `KubeError`, `Unreachable` where the Secret holds no key.
        """
        reply = await self._client.find(SECRETS, SECRET, self._namespace)
        if reply is None:
            try:
                reply = await self._client.create(SECRETS, self._new(first), self._namespace)
            except AlreadyExists:
                reply = await self._client.find(SECRETS, SECRET, self._namespace)
            if not first:
                log.error("the key of unit states is lost: what was stored with it is not believed any more")
        try:
            key = b64decode(((reply.body if reply else {}).get("data") or {}).get(FIELD) or "", validate=True)
        except ValueError:
            key = b""
        if reply is None or len(key) < KEY_BYTES:
            where = f"Secret {self._namespace}/{SECRET}"
            raise Unreachable(f"{where} holds no key of {KEY_BYTES} bytes in {FIELD!r}: restore it, or delete it")
        return Signer(key), UNSIGNED in (reply.body["metadata"].get("annotations") or {})

    async def all_signed(self) -> None:
        """Take note that states without a signature are believed no more. Raises `KubeError`."""
        patch = {"metadata": {"annotations": {UNSIGNED: None}}}
        await self._client.patch(SECRETS, SECRET, self._namespace, patch, write=Write(manager="trueup"))

    def _new(self, first: bool) -> dict[str, object]:
        metadata: dict[str, object] = {"name": SECRET, "namespace": self._namespace}
        if first:
            metadata["annotations"] = {UNSIGNED: "true"}
        key = b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {FIELD: key}}
