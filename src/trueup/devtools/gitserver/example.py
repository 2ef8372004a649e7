"""A small repository to try things with: a Deployment and a Service, in a folder with a working tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

NAME = "shop"
FILES = {
    "k8s/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 2
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - name: shop
          image: registry.example.com/shop:1.0.0
          ports:
            - containerPort: 8080
""",
    "k8s/service.yaml": """\
apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: {app: shop}
  ports:
    - port: 80
      targetPort: 8080
""",
}


def make_example(folder: Path) -> Path:
    """Make the repository in `folder` unless it is there, and give it. Raises OSError and RuntimeError.

    Where Git knows no name for its user, commits to this repository are made by "You".
    """
    repository = folder / NAME
    if (repository / ".git").exists():
        return repository
    for name, text in FILES.items():
        file = repository / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _git(repository, "init", "--quiet", "--initial-branch=main")
    for key, value in (("user.name", "You"), ("user.email", "you@example.com")):
        if subprocess.run(["git", "config", key], cwd=repository, capture_output=True).returncode:
            _git(repository, "config", key, value)
    _git(repository, "add", ".")
    _git(repository, "commit", "--quiet", "--message", "Deliver the shop")
    return repository


def repositories(root: Path, depth: int = 3) -> list[str]:
    """Give the repositories below a folder as they are named in URLs, bare ones and those with a working tree."""
    if (root / ".git").exists() or ((root / "HEAD").is_file() and (root / "objects").is_dir()):
        return [""]
    if depth == 0 or not root.is_dir():
        return []
    return [
        f"{child.name}/{found}".rstrip("/")
        for child in sorted(root.iterdir())
        if child.is_dir() and not child.name.startswith(".")
        for found in repositories(child, depth - 1)
    ]


def _git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "commit.gpgSign=false", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"git {arguments[0]} in {folder}: {done.stderr.strip()}")
