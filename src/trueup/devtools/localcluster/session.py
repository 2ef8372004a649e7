"""Plain HTTPS requests to the API server and to etcd, as far as starting them takes.

Not a Kubernetes client: the project's own lives in `kube`, which this package must not depend on, so that a fault in
the client cannot hide in the cluster that tests it.
"""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any

from trueup.devtools.localcluster.certificates import Pair
from trueup.devtools.localcluster.process.ports import HOST

TIMEOUT_S = 10.0


class Refused(Exception):
    """The server answered with an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text}")
        self.status = status


class Session:
    """One server, reached with a client certificate and verified by `authority`'s certificate."""

    def __init__(self, port: int, authority: Pair, client: Pair) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=str(authority.certificate))
        self._tls.load_cert_chain(client.certificate, client.key)

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> bytes:
        """Send one request and return the body of the answer.

        Raises Refused for a status of 400 or more, OSError or http.client.HTTPException where there is no answer.
        """
        connection = http.client.HTTPSConnection(HOST, self._port, timeout=TIMEOUT_S, context=self._tls)
        try:
            connection.request(
                method,
                path,
                body=None if body is None else json.dumps(body),
                headers={} if body is None else {"Content-Type": content_type},
            )
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, content.decode(errors="replace")[:500])
        return content

    def apply(self, path: str, manifest: Mapping[str, Any]) -> None:
        """Apply an object by server-side apply, under a field manager of our own."""
        query = "?fieldManager=localcluster&force=true"
        self.request("PATCH", path + query, manifest, "application/apply-patch+yaml")

    def answers(self, path: str) -> bool:
        """Say whether a GET of `path` succeeds now."""
        try:
            self.request("GET", path)
        except (OSError, http.client.HTTPException, Refused):
            return False
        return True
