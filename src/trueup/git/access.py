"""How a Git process is let in and kept in bounds: its environment, and the files that live as long as it runs.

Nothing secret stands on a command line. Git reads no configuration but ours, runs no hook and asks no question.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.credentials import GitCredentials
from trueup.git.urls import GitUrl

# Writes a text to a private file of that name and gives its path.
_Keep = Callable[[str, str], str]
_MEMORY = Path("/dev/shm")
# Old, harmless flaws that real histories have; all other findings of fsck refuse the objects.
_FORGIVEN = [
    "badTimezone",
    "badDate",
    "badDateOverflow",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingEmail",
    "missingNameBeforeEmail",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
    "badFilemode",
    "badName",
    "badEmail",
    "emptyName",
    "nullSha1",
]
_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.fsync": "none",
    "core.attributesFile": os.devnull,
    "core.longPaths": "true",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    "fetch.negotiationAlgorithm": "consecutive",
    "fetch.writeCommitGraph": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "initial",
    "http.lowSpeedLimit": "1",
    "pack.threads": "1",
    "protocol.version": "2",
    "submodule.recurse": "false",
    "transfer.credentialsInUrl": "die",
    "uploadpack.allowAnySHA1InWant": "true",
} | {f"fetch.fsck.{name}": "ignore" for name in _FORGIVEN}


def base_environment(config: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of any Git process: nothing of ours but the PATH, our configuration, no prompt, English."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ATTR_NOSYSTEM": "1",
    }
    settings = _CONFIG | (config or {})
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for index, (key, value) in enumerate(settings.items()):
        environment[f"GIT_CONFIG_KEY_{index}"] = key
        environment[f"GIT_CONFIG_VALUE_{index}"] = value
    return environment


def authorization(url: GitUrl, credentials: GitCredentials | None) -> str:
    """The value of the Authorization header for an http(s) URL, empty where there is nothing to say."""
    if credentials is not None and credentials.bearer:
        return f"Bearer {credentials.bearer}"
    username, password = url.username, url.password
    if credentials is not None and (credentials.username or credentials.password):
        username, password = credentials.username, credentials.password
    if not username and not password:
        return ""
    return "Basic " + base64.b64encode(f"{username or 'git'}:{password}".encode()).decode()


@contextlib.contextmanager
def remote_environment(url: GitUrl, credentials: GitCredentials | None, timeout: float) -> Iterator[dict[str, str]]:
    """The environment of a Git process that talks to `url`; its key files are removed on leaving.

    Raises SourceError (CREDENTIALS) where an ssh key is needed and missing, or cannot be read.
    """
    credentials = credentials or GitCredentials()
    _refuse_line_breaks(url, credentials)
    with contextlib.ExitStack() as stack:
        folder: Path | None = None

        def keep(name: str, text: str) -> str:
            nonlocal folder
            if folder is None:
                folder = Path(tempfile.mkdtemp(prefix="trueup-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(text if text.endswith("\n") else f"{text}\n")
            return str(path)

        config = {"http.lowSpeedTime": str(max(1, int(timeout)))}
        if url.scheme in ("http", "https"):
            config |= _http_config(url, credentials, keep)
        environment = base_environment(config)
        environment["GIT_ALLOW_PROTOCOL"] = {"https": "https", "http": "http:https"}.get(url.scheme, url.scheme)
        if url.scheme == "ssh":
            environment["GIT_SSH_COMMAND"] = _ssh_command(url, credentials, keep, timeout)
            environment["GIT_SSH_VARIANT"] = "ssh"
        yield environment


def _http_config(url: GitUrl, credentials: GitCredentials, keep: _Keep) -> dict[str, str]:
    parts = urlsplit(url.address)
    origin = f"http.{parts.scheme}://{parts.netloc}/"
    config: dict[str, str] = {}
    if value := authorization(url, credentials):
        # Git would go on talking to whatever host a redirect names with this header: follow none.
        config[f"{origin}.extraHeader"] = f"Authorization: {value}"
        config["http.followRedirects"] = "false"
    if credentials.ca:
        config["http.sslCAInfo"] = keep("ca.pem", credentials.ca)
    if credentials.client_certificate:
        config[f"{origin}.sslCert"] = keep("client.pem", credentials.client_certificate)
        config[f"{origin}.sslKey"] = keep("client.key", credentials.client_key)
        config["http.followRedirects"] = "false"
    if credentials.insecure:
        config[f"{origin}.sslVerify"] = "false"
    if credentials.proxy:
        config["http.proxy"] = credentials.proxy
    return config


def _ssh_command(url: GitUrl, credentials: GitCredentials, keep: _Keep, timeout: float) -> str:
    if not credentials.ssh_key:
        raise SourceError(
            Fault.CREDENTIALS, f"{url.shown}: ssh needs a private key; give a Secret with `identity` and `known_hosts`"
        )
    if not credentials.known_hosts and not credentials.insecure:
        raise SourceError(
            Fault.CREDENTIALS,
            f"{url.shown}: the Secret has no known_hosts for {url.host}; add the output of `ssh-keyscan {url.host}` "
            "after comparing its fingerprint",
        )
    options = [
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "PreferredAuthentications=publickey",
        "GlobalKnownHostsFile=" + os.devnull,
        f"ConnectTimeout={max(1, int(timeout))}",
        "ServerAliveInterval=15",
        "UpdateHostKeys=no",
        "ControlMaster=no",
        "ForwardAgent=no",
        "ClearAllForwardings=yes",
    ]
    if credentials.insecure:
        options += ["StrictHostKeyChecking=no", f"UserKnownHostsFile={os.devnull}"]
    else:
        hosts = keep("known_hosts", credentials.known_hosts)
        options += ["StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}"]
    command = ["ssh", "-F", os.devnull, "-i", keep("identity", _open_key(url, credentials))]
    for option in options:
        command += ["-o", option]
    return shlex.join(command)


def _open_key(url: GitUrl, credentials: GitCredentials) -> str:
    """The private key without its passphrase, for ssh cannot ask for one."""
    if not credentials.password:
        return credentials.ssh_key
    raw, passphrase = credentials.ssh_key.encode(), credentials.password.encode()
    try:
        load = serialization.load_ssh_private_key if b"OPENSSH" in raw else serialization.load_pem_private_key
        key = load(raw, passphrase)
    except TypeError:
        return credentials.ssh_key  # not encrypted: the password is for something else
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SourceError(
            Fault.CREDENTIALS, f"{url.shown}: the ssh key cannot be opened with the Secret's password"
        ) from error
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()


def _refuse_line_breaks(url: GitUrl, credentials: GitCredentials) -> None:
    """A line break in a header's value would let a Secret's author add headers of their own."""
    for name in ("username", "password", "bearer", "proxy"):
        if any(character in getattr(credentials, name) for character in "\r\n\0"):
            raise SourceError(
                Fault.CREDENTIALS, f"{url.shown}: the Secret's {name} holds a line break; write it without (`echo -n`)"
            )
