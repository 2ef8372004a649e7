"""At the repository's host: a status on the commit that was delivered, or a comment on its pull request.

The address is the repository's own URL, the token is that of the host's API (or a GitHub App's, in Flux' keys).
"""

from __future__ import annotations

from trueup.core.notification.notification import Notification, NotificationEvent, Severity
from trueup.core.repository.hosts import HostKind
from trueup.core.wording import cut
from trueup.notifications.sending import Client, Refused
from trueup.notifications.services.text import needed, options_of
from trueup.scm.access import Access
from trueup.scm.connecting import connected
from trueup.scm.detection import locate
from trueup.scm.host import CommitState, CommitStatus, Host, HostError

DESCRIPTION_LIMIT = 140
"""Characters: what GitHub takes."""


class _AtHost:
    """What statuses and comments have in common. Implements `Service` with `_tell`."""

    gathered = False
    kind = HostKind.GITHUB

    async def send(self, notification: Notification, client: Client) -> None:
        """Tell the host. Raises `Refused`."""
        event = notification.event
        if event is None:
            raise Refused("services of this type take what happens to Flux' objects")
        if not event.commit:
            return
        try:
            location = locate(needed(notification, "address"), self.kind)
            async with connected(location, _access(notification)) as host:
                await self._tell(host, notification, event)
        except HostError as error:
            raise Refused(str(error), retry=error.again is not None, after=error.again or 0.0) from None

    async def _tell(self, host: Host, notification: Notification, event: NotificationEvent) -> None:
        raise AssertionError("subclasses say what is told")


class Status(_AtHost):
    """A commit's status, one for each unit: `kustomization/<name>/<uid>` upstream's way, without the uid."""

    async def _tell(self, host: Host, notification: Notification, event: NotificationEvent) -> None:
        state = CommitState.FAILURE if event.severity is Severity.ERROR else CommitState.SUCCESS
        ref = event.about
        status = CommitStatus(
            name=f"{ref.kind.lower()}/{ref.namespace}/{ref.name}",
            state=state,
            description=cut(_words(event), DESCRIPTION_LIMIT),
        )
        await host.set_status(event.commit, status)


class Comment(_AtHost):
    """One comment on the pull request that brought the commit, for each unit, changed in place."""

    async def _tell(self, host: Host, notification: Notification, event: NotificationEvent) -> None:
        request = await host.of_commit(event.commit)
        if request is None:
            return
        sign = "❌" if event.severity is Severity.ERROR else "✅"
        rows = "".join(f"\n- {name}: {value}" for name, value in event.facts)
        body = f"{sign} **{event.title}** {event.reason}\n\n{event.message}\n{rows}"
        await host.comment(request.number, f"trueup/{'/'.join(event.about)}", cut(body, 60_000))


class GitHubStatus(Status):
    """Statuses on GitHub."""

    kind = HostKind.GITHUB


class GitLabStatus(Status):
    """Statuses on GitLab."""

    kind = HostKind.GITLAB


class GiteaStatus(Status):
    """Statuses on Gitea and Forgejo."""

    kind = HostKind.GITEA


class GitHubComment(Comment):
    """Comments on GitHub."""

    kind = HostKind.GITHUB


class GitLabComment(Comment):
    """Comments on GitLab."""

    kind = HostKind.GITLAB


class GiteaComment(Comment):
    """Comments on Gitea and Forgejo."""

    kind = HostKind.GITEA


def _access(notification: Notification) -> Access:
    options = options_of(notification)
    secret = options.get("secret")
    found = Access.from_secret(
        {key: str(value).encode() for key, value in secret.items()} if isinstance(secret, dict) else {}
    )
    if not found.admits:
        raise Refused("it has no token for the host's API; put it into its Secret under 'token'")
    return Access(
        token=found.token,
        app_id=found.app_id,
        installation=found.installation,
        app_key=found.app_key,
        ca=str(options.get("ca") or found.ca),
        proxy=str(options.get("proxy") or found.proxy),
    )


def _words(event: NotificationEvent) -> str:
    return event.message.splitlines()[0] if event.severity is Severity.ERROR else event.reason
