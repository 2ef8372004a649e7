"""Mail goes to a real SMTP server: encrypted, with a login, and never with a header of somebody else's making."""

from __future__ import annotations

import email
import socket
import ssl
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.events import event, notification
from trueup.devtools.localcluster.certificates import Authority
from trueup.notifications.sending import Client, Refused
from trueup.notifications.services.mail import Mail


class Box:
    """Keeps what is handed in."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.encrypted: list[bool] = []
        self.refuse = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        self.messages.append(email.message_from_bytes(envelope.content or b""))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"flux", b"mail-secret")
    return AuthResult(success=good, handled=good)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    authority = Authority(tmp_path, "ca")
    pair = authority.server("mail", "localhost", ["localhost", "127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context, authority.files.certificate.read_text()


@pytest.fixture
def box(certificate: tuple[ssl.SSLContext, str]) -> Iterator[tuple[Box, int, str]]:
    found = Box()
    server = Controller(
        found,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=certificate[0],
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )
    server.start()
    try:
        yield found, server.server.sockets[0].getsockname()[1], certificate[1]
    finally:
        server.stop()


async def send(options: dict[str, object], recipient: str = "ops@example.com", **section: str) -> None:
    async with Client() as client:
        told = event(bad=True)
        await Mail().send(notification("email", told, options=options, recipient=recipient, section=section), client)


def options(port: int, ca: str, **more: object) -> dict[str, object]:
    base = {
        "host": "127.0.0.1",
        "port": port,
        "username": "flux",
        "password": "mail-secret",
        "from": "flux@example.com",
    }
    return {**base, "ca": ca, **more}


async def test_mail_is_encrypted_and_says_what_happened(box: tuple[Box, int, str]) -> None:
    found, port, ca = box
    await send(options(port, ca), "ops@example.com, dev@example.com")
    (message,) = found.messages
    assert found.encrypted == [True]
    assert message["To"] == "ops@example.com, dev@example.com" and message["Subject"].startswith("HealthCheckFailed")
    assert "crash-loops" in str(message.get_payload()) and "author: Ada" in str(message.get_payload())


async def test_a_subject_cannot_bring_headers_along(box: tuple[Box, int, str]) -> None:
    found, port, ca = box
    await send(options(port, ca), subject="hello\r\nBcc: evil@example.com")
    assert found.messages[0]["Bcc"] is None and found.messages[0]["Subject"] == "hello Bcc: evil@example.com"


async def test_wrong_passwords_and_strange_certificates_are_told_without_secrets(box: tuple[Box, int, str]) -> None:
    _, port, ca = box
    with pytest.raises(Refused, match="user and password") as refused:
        await send(options(port, ca, password="wrong-secret"))
    assert not refused.value.retry and "wrong-secret" not in str(refused.value)
    with pytest.raises(Refused, match="certificate"):
        await send(options(port, ""))


async def test_a_server_that_asks_for_time_gets_it(box: tuple[Box, int, str]) -> None:
    found, port, ca = box
    found.refuse = "451 try again"
    with pytest.raises(Refused) as refused:
        await send(options(port, ca))
    assert refused.value.retry
    found.refuse = "554 no"
    with pytest.raises(Refused) as refused:
        await send(options(port, ca))
    assert not refused.value.retry
    with pytest.raises(Refused) as refused:
        await send(options(1, ca))
    assert refused.value.retry
