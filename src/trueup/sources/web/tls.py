"""How certificates are checked, and which one is shown, by the PEM texts of a Secret."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import Protocol

from trueup.core.model.artifact import Fault, SourceError


class Certificates(Protocol):
    """PEM texts, each may be empty. `unverified` accepts any certificate of the server."""

    @property
    def ca(self) -> str: ...
    @property
    def client_certificate(self) -> str: ...
    @property
    def client_key(self) -> str: ...
    @property
    def unverified(self) -> bool: ...


def tls_context(given: Certificates, shown: str) -> ssl.SSLContext:
    """Give how certificates are checked (blocking). Raises `SourceError` for certificates that cannot be read."""
    try:
        context = ssl.create_default_context(cadata=given.ca or None)
        if given.unverified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if given.client_certificate:
            with tempfile.NamedTemporaryFile("w", prefix="trueup-", dir=_memory()) as pem:
                pem.write(f"{given.client_certificate}\n{given.client_key}\n")
                pem.flush()
                context.load_cert_chain(pem.name)
    except (ssl.SSLError, ValueError) as error:
        words = f"{shown}: the certificates or the key of the Secret cannot be read; they must be in PEM"
        raise SourceError(Fault.CREDENTIALS, words) from error
    return context


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
