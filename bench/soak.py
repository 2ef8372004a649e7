"""`python -m bench.soak [--minutes M] [--seed S]`: a controller under load that is killed at random, for a long time.

Units of both dialects share one repository. Commits change, move, drop and bring back objects; people edit and delete
by hand; the controller is killed without a word and started anew. Of the time, the last part goes without kills, so
that its memory can be compared. At the end the cluster is Git, nothing foreign was touched, nothing was made anew that
Git wanted all along, and the history is whole. Ends with code 1 where one of these is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import yaml

from bench import scenario
from bench.__main__ import standing
from bench.measuring import Bench
from bench.process import Driven, Usage
from trueup.core.model.objects import ObjectRef
from trueup.devtools.gitserver import Repository
from trueup.history import History, Question, verify
from trueup.history.databases import open_database, read_url
from trueup.kube.errors import KubeError
from trueup.kube.writes import Write

UNITS = 24
OBJECTS = 6
FOREIGN = 5
NAMESPACE = "soak"
COMMIT = 40
CALM = 0.25
"""The part of the time, at its end, in which nothing is killed."""

SETTLE = 300.0
GROWTH, SLACK = 1.15, 24.0
"""What a controller's memory may grow by in the calm part: a factor, and MiB."""


class Model:
    """What Git says: who has which object, and with what content; and what it said at each commit."""

    def __init__(self, repository: Repository) -> None:
        """Take the repository; nothing is committed yet."""
        self._repository = repository
        self.units = [f"unit-{number:02d}" for number in range(UNITS)]
        self.owners: dict[str, str] = {
            f"{unit}-object-{number}": unit for unit in self.units for number in range(OBJECTS)
        }
        self.contents = dict.fromkeys(self.owners, "0")
        self.gone: list[str] = []
        self.commits: list[str] = []
        self._said: dict[str, dict[str, tuple[str, str]]] = {}

    def commit(self, *units: str) -> None:
        """Write what these units hold."""
        files = {f"apps/{unit}/objects.yaml": self._manifest(unit) for unit in units}
        commit = self._repository.commit(files, f"Change {', '.join(units)}")
        self.commits.append(commit)
        self._said[commit] = {name: (owner, content) for name, owner, content in self.wanted()}

    def at(self, commit: str) -> dict[str, tuple[str, str]]:
        """Give the unit and content of each object at a commit; empty where that is unknown."""
        return self._said.get(commit, {})

    def _manifest(self, unit: str) -> str:
        # One object that no other unit ever gets: what is left empty is another subject.
        names = [f"{unit}-anchor", *(name for name, owner in self.owners.items() if owner == unit)]
        return yaml.safe_dump_all([config(name, self.contents.get(name, "0")) for name in names])

    def wanted(self) -> Iterator[tuple[str, str, str]]:
        """Give the name, unit and content of each object."""
        for unit in self.units:
            yield f"{unit}-anchor", unit, "0"
        for name, owner in self.owners.items():
            yield name, owner, self.contents[name]


def config(name: str, value: str) -> dict[str, Any]:
    """Write an object."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


def unit(name: str, number: int) -> dict[str, Any]:
    """Write a Kustomization, or an Application for every second number."""
    if number % 2 == 0:
        return {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": name, "namespace": scenario.NAMESPACE},
            "spec": {
                "interval": "10m",
                "retryInterval": "2s",
                "path": f"./apps/{name}",
                "prune": True,
                "sourceRef": {"kind": "GitRepository", "name": "bench"},
            },
        }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": scenario.REPOSITORY, "path": f"apps/{name}", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }


class Soak:
    """One cluster, one repository, one controller, and what is done to them."""

    def __init__(self, bench: Bench, controller: Driven, seed: int) -> None:
        """Take the real parts."""
        self.bench = bench
        self.controller = controller
        self.random = random.Random(seed)
        self.model = Model(bench.repository)
        self.uids: dict[str, str] = {}
        self.foreign: dict[str, str] = {}
        self.done: dict[str, int] = {}
        self.wrong: list[str] = []

    async def prepare(self) -> None:
        """Declare the units and what is others'."""
        for name in (NAMESPACE, scenario.NAMESPACE, "argocd"):
            await self.bench.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for number in range(FOREIGN):
            await self.bench.apply(config(f"foreign-{number}", "theirs"))
        self.model.commit(*self.model.units)
        await self.controller.start()
        await self.bench.mapper.refresh()
        await self.bench.apply(scenario.repository())
        for number, name in enumerate(self.model.units):
            await self.bench.apply(unit(name, number))
        await self.settled("at the beginning")
        lives = await self.lives()
        self.uids = {name: lives[name]["metadata"]["uid"] for name, _, _ in self.model.wanted()}
        self.foreign = {f"foreign-{n}": lives[f"foreign-{n}"]["metadata"]["resourceVersion"] for n in range(FOREIGN)}

    async def lives(self) -> dict[str, dict[str, Any]]:
        """Read what lives."""
        resource = await self.bench.mapper.of(ObjectRef("", "ConfigMap", NAMESPACE, "any"))
        listed = await self.bench.client.list_all(resource, NAMESPACE)
        lives = {str(body["metadata"]["name"]): body for body in listed.items}
        lives.pop("kube-root-ca.crt", None)
        return lives

    # ------------------------------------------------------------------------------------------------ what happens

    async def load(self, until: float) -> None:
        """Do one thing after the other."""
        things = (self.change, self.change, self.change, self.move, self.drop, self.restore, self.edit, self.delete)
        while time.monotonic() < until:
            await asyncio.sleep(self.random.expovariate(2.0))
            thing = self.random.choice(things)
            self.done[thing.__name__] = self.done.get(thing.__name__, 0) + 1
            await thing()

    async def kills(self, until: float) -> None:
        """Kill the controller, and start it anew."""
        while time.monotonic() + 20 < until:
            await asyncio.sleep(3 + self.random.expovariate(0.1))
            await self.controller.kill()
            self.done["kill"] = self.done.get("kill", 0) + 1
            await self.controller.start()

    async def change(self) -> None:
        """Change what some objects of a unit hold."""
        name = self.random.choice(list(self.model.owners))
        self.model.contents[name] = str(int(self.model.contents[name]) + 1)
        self.model.commit(self.model.owners[name])

    async def move(self) -> None:
        """Give an object to another unit."""
        name, new = self.random.choice(list(self.model.owners)), self.random.choice(self.model.units)
        old, self.model.owners[name] = self.model.owners[name], new
        if old != new:
            self.model.commit(old, new)

    async def drop(self) -> None:
        """Take an object from Git."""
        if len(self.model.gone) > UNITS:
            return
        name = self.random.choice(list(self.model.owners))
        owner = self.model.owners.pop(name)
        self.model.gone.append(name)
        self.uids.pop(name, None)
        self.model.commit(owner)

    async def restore(self) -> None:
        """Bring an object back, in any unit."""
        if not self.model.gone:
            return
        name = self.model.gone.pop(0)
        self.model.owners[name] = self.random.choice(self.model.units)
        self.uids.pop(name, None)
        self.model.commit(self.model.owners[name])

    async def edit(self) -> None:
        """Change an object by hand."""
        await self._by_hand("patch")

    async def delete(self) -> None:
        """Delete an object by hand."""
        await self._by_hand("delete")

    async def _by_hand(self, verb: str) -> None:
        name = self.random.choice(list(self.model.owners))
        resource = await self.bench.mapper.of(ObjectRef("", "ConfigMap", NAMESPACE, name))
        try:
            if verb == "patch":
                written = Write(manager="kubectl-edit")
                await self.bench.client.patch(resource, name, NAMESPACE, {"data": {"value": "by hand"}}, write=written)
            else:
                self.uids.pop(name, None)
                await self.bench.client.delete(resource, name, NAMESPACE)
        except KubeError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise

    # --------------------------------------------------------------------------------------------- what must be so

    async def settled(self, when: str) -> None:
        """Wait until the cluster is Git and all units say so; what is not so in time is noted."""
        deadline = time.monotonic() + SETTLE
        while True:
            late = [*await self.differences(), *await self.unready()]
            if not late:
                return
            if time.monotonic() > deadline:
                self.wrong += [f"{when}: {each}" for each in late[:20]]
                return
            await asyncio.sleep(0.5)

    async def differences(self) -> list[str]:
        """Say where the cluster is not what Git says."""
        lives = await self.lives()
        found = []
        wanted = {name: content for name, _, content in self.model.wanted()}
        for name, content in wanted.items():
            data = lives[name]["data"] if name in lives else None
            if data != {"value": content}:
                found.append(f"{name} is {data}, and Git says {content}")
        found += [f"{name} is left over" for name in lives if name not in wanted and not name.startswith("foreign")]
        found += [f"{name} was touched" for name, at in self.foreign.items() if _version(lives.get(name)) != at]
        return found

    async def unready(self) -> list[str]:
        """Say which units do not show the last commit that touched them."""
        found = []
        for number, name in enumerate(self.model.units):
            ref = ObjectRef.of(unit(name, number))
            body = await self.bench.client.get(await self.bench.mapper.of(ref), ref.name, ref.namespace)
            status = body.body.get("status") or {}
            shown = str(status.get("lastAppliedRevision") or (status.get("sync") or {}).get("revision") or "")
            if self.model.commits[-1] not in shown:
                found.append(f"{name} is at {shown or 'nothing'}: {_words(status)}")
        return found

    async def judge(self, calm: tuple[Usage, Usage]) -> None:
        """Look at everything that must be so at the end."""
        await self.settled("at the end")
        lives = await self.lives()
        for name, uid in self.uids.items():
            if name in lives and lives[name]["metadata"]["uid"] != uid:
                self.wrong.append(f"{name} was made anew, and Git wanted it all along")
        before, after = calm
        if after.memory > before.memory * GROWTH + SLACK:
            self.wrong.append(f"memory grew from {before.memory:.0f} to {after.memory:.0f} MiB without a restart")
        await self.controller.stop()
        self.wrong += self.lost_history()

    def lost_history(self) -> list[str]:
        """Say what is wrong with the history, and which objects' last change is not in it."""
        database = self.controller.folder / "data" / "history" / "history.db"
        engine = open_database(read_url(f"sqlite:///{database}"), read_only=True)
        found = [f"history: {each.message}" for each in verify(engine).findings]
        for name, owner, content in self.model.wanted():
            told = History(engine).ask(Question(object=f"ConfigMap/{NAMESPACE}/{name}", limit=1))
            record = told[0].record if told else None
            known = self.model.at(record.revision[-COMMIT:]).get(name) if record else None
            if record is None or known != (owner, content) or record.unit.name != owner:
                found.append(f"history: the last change of {name} is not in it ({record and record.revision})")
        engine.dispose()
        return found


def _version(body: dict[str, Any] | None) -> str:
    return str(body["metadata"]["resourceVersion"]) if body else "gone"


def _words(status: dict[str, Any]) -> str:
    told = [str(each.get("message")) for each in status.get("conditions") or ()]
    told.append(str((status.get("operationState") or {}).get("message") or ""))
    return "; ".join(told)[:300]


async def soak(minutes: float, seed: int) -> int:
    """Run it, and say what came of it. Gives the exit code."""
    async with standing(1, BENCH_LEASE_SECONDS="3") as (bench, controller):
        run = Soak(bench, controller, seed)
        await run.prepare()
        began = time.monotonic()
        calm_at, end = began + 60 * minutes * (1 - CALM), began + 60 * minutes
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run.load(end))
            tasks.create_task(run.kills(calm_at))
            await asyncio.sleep(max(0.0, calm_at + (end - calm_at) / 4 - time.monotonic()))
            before = await controller.usage()
        after = await controller.usage()
        await run.judge((before, after))
        did = ", ".join(f"{count} × {name}" for name, count in sorted(run.done.items()))
        print(f"{datetime.now():%H:%M} {minutes:g} minutes, seed {seed}: {did}; {len(run.model.commits)} commits")
        calm = (end - calm_at) * 3 / 4
        print(f"memory {before.memory:.0f} MiB, and {after.memory:.0f} MiB after {calm:.0f} s of load")
        for each in run.wrong:
            print(f"wrong: {each}")
        print("the cluster is Git, and the history is whole" if not run.wrong else f"{len(run.wrong)} things are wrong")
        return 1 if run.wrong else 0


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    sys.exit(asyncio.run(soak(given.minutes, given.seed)))


if __name__ == "__main__":
    main()
