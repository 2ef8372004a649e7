"""The few requests that starting a cluster takes, with the standard library alone and every certificate verified."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from trueup.localcluster.certificates import Pair
from trueup.localcluster.ports import HOST


class Api:
    """The API server, as its administrator sees it."""

    def __init__(self, port: int, ca: Path, admin: Pair) -> None:
        """Take where it is, whom to trust, and who to be."""
        self._port = port
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.load_cert_chain(str(admin.certificate), str(admin.key))

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Send one request; gives the status and the body. Raises OSError while nobody listens."""
        connection = http.client.HTTPSConnection(HOST, self._port, timeout=10, context=self._context)
        try:
            payload = None if body is None else json.dumps(body).encode()
            connection.request(method, path, payload, {"Content-Type": content_type, "Accept": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def ready(self, path: str = "/readyz") -> bool:
        """Say whether the server answers that all is well."""
        try:
            return self.request("GET", path)[0] == 200
        except OSError:
            return False

    def ensure(self, collection: str, body: dict[str, Any]) -> None:
        """Create an object that is not there yet. Raises OSError where the server refuses."""
        status, answer = self.request("POST", collection, body)
        if status not in (200, 201, 409):
            raise OSError(f"{collection}: {status} {answer[:300].decode(errors='replace')}")
