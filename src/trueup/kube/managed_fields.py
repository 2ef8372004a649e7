"""An object's managedFields, rewritten: what others' managers had becomes ours, and what we replaced is noted as ours.

Pure: entries in, entries or a patch out. That such a patch is sent is `apply`'s affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.core.fields.fieldsv1 import Trie, merged_trie
from trueup.core.fields.ownership import APPLY, UPDATE
from trueup.core.model.objects import Body
from trueup.kube.writes import KUBECTL, ROLLOUT, Apply


def adopted_entries(entries: list[dict[str, Any]], options: Apply) -> list[dict[str, Any]] | None:
    """Give managedFields with the legacy managers' fields under ours; `None` where there is nothing to move.

    Entries of another apiVersion than ours are left: their paths are not those of our entry.
    """
    mine = next((each for each in entries if _is_ours(each, options)), None)
    if mine is None:
        return None
    legacy = [each for each in entries if _is_legacy(each, options) and each.get("apiVersion") == mine["apiVersion"]]
    if not legacy:
        return None
    fields = merged_trie([each.get("fieldsV1") or {} for each in (mine, *legacy)])
    kept = [each for each in entries if each is not mine and all(each is not old for old in legacy)]
    return [*kept, {**mine, "fieldsV1": fields}]


def claiming_patch(body: Body, trie: Trie, options: Apply) -> list[dict[str, Any]] | None:
    """Give the patch that makes a trie what our manager owns by apply; `None` where it is so, or owns nothing."""
    entries = body["metadata"].get("managedFields") or []
    before = [each for each in entries if _is_ours(each, options) or _is_ours(each, options, UPDATE)]
    kept = [each for each in entries if each not in before]
    mine = {
        "manager": options.manager,
        "operation": APPLY,
        "apiVersion": body["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": trie,
    }
    if not trie or (len(before) == 1 and {**before[0], "time": ""} == {**mine, "time": ""}):
        return None
    times = [each["time"] for each in before if each.get("time")]
    return owners_patch(body, [*kept, {**mine, "time": max(times)} if times else mine])


def owners_patch(body: Body, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the JSON patch that sets managedFields of exactly this version of an object."""
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": body["metadata"]["resourceVersion"]},
    ]


def may_have_legacy(raw: bytes, options: Apply) -> bool:
    """Say quickly, without decoding, that no legacy manager is named; `True` may be a false alarm."""
    if any(name.encode() in raw for name in options.legacy_managers):
        return True
    if options.adopts and b'"manager":"kubectl' in raw:
        return True
    # The manager's name twice: perhaps an entry by update beside the one by apply.
    return raw.count(b'"manager":' + msgspec.json.encode(options.manager)) > 1


def fields_of(body: Body, options: Apply) -> Trie:
    """Give the trie of what our manager has of an object, however it wrote; empty for nothing."""
    entries = body["metadata"].get("managedFields") or []
    own = (each for each in entries if each.get("manager") == options.manager and not each.get("subresource"))
    return next((each.get("fieldsV1") or {} for each in own), {})


def _is_ours(entry: Mapping[str, Any], options: Apply, operation: str = APPLY) -> bool:
    plain = not entry.get("subresource")
    return plain and entry.get("manager") == options.manager and entry.get("operation") == operation


def _is_legacy(entry: Mapping[str, Any], options: Apply) -> bool:
    if entry.get("subresource"):
        return False
    manager = str(entry.get("manager") or "")
    if options.adopts and manager.startswith(KUBECTL) and manager != ROLLOUT:
        return True
    if entry.get("operation") != UPDATE:
        return False
    return entry.get("manager") in options.legacy_managers or entry.get("manager") == options.manager
