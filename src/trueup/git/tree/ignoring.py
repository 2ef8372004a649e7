"""What ignore rules leave out of a tree."""

from __future__ import annotations

from pathspec import PathSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from trueup.core.model.artifact import Fault, IgnoreRules, SourceError

VERSION_CONTROL = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
DEFAULT_RULES = (
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
)
"""What an artifact leaves out by default, as Flux's documentation lists it."""

RULES_FILE = ".sourceignore"


def ignore_spec(rules: IgnoreRules, texts: dict[str, str], shown: str) -> PathSpec[GitIgnoreSpecPattern] | None:
    """Give what an artifact leaves out; `None` where it leaves out nothing. `texts` are the `.sourceignore` files.

    Raises `SourceError` (RULES) for rules that cannot be read.
    """
    if not rules.enabled:
        return None
    own = rules.text.splitlines() if rules.text is not None else []
    lines = list(VERSION_CONTROL)
    if rules.text is None and not texts:
        lines += DEFAULT_RULES
    for path, text in sorted(texts.items()):
        folder = path.rpartition("/")[0]
        lines += [_anchored(folder, line) for line in text.splitlines()]
    lines += own  # last, for the last rule that matches decides, as in Flux
    try:
        # Git itself would let a rule about a file win over a later one about its folder.
        return PathSpec.from_lines(GitIgnoreSpecPattern, lines)
    except ValueError as error:
        raise SourceError(Fault.RULES, f"{shown}: the ignore rules cannot be read: {error}") from error


def _anchored(folder: str, line: str) -> str:
    """Make a rule of a file in `folder` one of the root."""
    text = line.strip()
    if not folder or not text or text.startswith("#"):
        return line
    negated = "!" if text.startswith("!") else ""
    rule = text.removeprefix("!")
    inner = rule.rstrip("/")
    joined = f"/{folder}/{rule.lstrip('/')}" if "/" in inner else f"/{folder}/**/{rule}"
    return negated + joined
