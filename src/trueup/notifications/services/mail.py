"""E-mail by SMTP (RFC 5321), encrypted unless its users say otherwise: STARTTLS, or TLS from the start on port 465.

Options, as Argo CD's users write them: `host`, `port`, `username`, `password`, `from`, `html`, `insecure_skip_verify`.
As an address: `smtp://user@host:587` or `smtps://host:465`, with the Secret's `password`.
"""

from __future__ import annotations

import email.utils
import ssl
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec

from trueup.core.notification.notification import Notification
from trueup.core.wording import cut
from trueup.notifications.sending import Client, Refused
from trueup.notifications.services.text import facts, option, options_of

TIMEOUT = 30.0
SUBJECT_LIMIT = 200
RECIPIENTS = 100


class Server(msgspec.Struct, frozen=True):
    """Where mail is handed in. `direct`: TLS from the start; `plain`: no encryption at all."""

    host: str
    port: int
    username: str
    password: str
    sender: str
    direct: bool
    plain: bool
    verify: bool
    ca: str

    def __repr__(self) -> str:
        """Name the host alone."""
        return f"Server({self.host}:{self.port})"


class Mail:
    """Implements `Service`."""

    gathered = True

    async def send(self, notification: Notification, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        server = _server(notification)
        message = _message(notification, server)
        context = ssl.create_default_context(cadata=server.ca or None)
        if not server.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                username=server.username or None,
                password=server.password or None,
                use_tls=server.direct,
                start_tls=not server.direct and not server.plain,
                tls_context=context,
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPAuthenticationError:
            raise Refused("the mail server does not accept user and password") from None
        except aiosmtplib.SMTPResponseException as error:
            raise Refused(f"the mail server answered {error.code}", retry=400 <= error.code < 500) from None
        except aiosmtplib.SMTPRecipientsRefused:
            raise Refused("the mail server takes mail for none of the recipients") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            certificate = "certificate" in str(error).lower()
            if certificate:
                raise Refused("the mail server's certificate is not trusted") from None
            raise Refused(f"the mail server could not be reached ({type(error).__name__})", retry=True) from None


def _server(notification: Notification) -> Server:
    options = options_of(notification)
    address = option(notification, "address")
    host, username, password = (
        option(notification, "host"),
        option(notification, "username"),
        option(notification, "password"),
    )
    port: Any = options.get("port")
    scheme = ""
    if address:
        parts = urlsplit(address if "://" in address else f"smtp://{address}")
        scheme, host = parts.scheme, parts.hostname or ""
        port = parts.port or (465 if scheme == "smtps" else 587)
        username = unquote(parts.username or "") or username
        password = unquote(parts.password or "") or password
    if not host:
        raise Refused("it has no host of a mail server")
    number = int(port) if str(port or "").isdigit() else 587
    return Server(
        host=host,
        port=number,
        username=username,
        password=password,
        sender=option(notification, "from", "sender") or username,
        direct=number == 465 or scheme == "smtps",
        plain=options.get("insecure") is True,
        verify=options.get("insecure_skip_verify") is not True,
        ca=option(notification, "ca"),
    )


def _message(notification: Notification, server: Server) -> EmailMessage:
    section, event = notification.section, notification.event
    if "@" not in server.sender:
        raise Refused(f"{server.sender or 'its sender'!r} is no address to send from; set 'from'")
    recipients = [one.strip() for one in notification.recipient.split(",") if "@" in one]
    if not recipients:
        raise Refused("it names no address to send to")
    news = f"{event.reason}: {event.title}" if event else notification.trigger
    subject = str(section.get("subject") or news)
    text = str(section.get("body") or notification.message)
    if event is not None:
        text += "".join(f"\n{name}: {value}" for name, value in facts(event))
    message = EmailMessage()
    # A subject is one line: what a template puts after a line break must not become a header.
    message["Subject"] = cut(" ".join(subject.split()), SUBJECT_LIMIT)
    message["From"] = server.sender
    message["To"] = ", ".join(recipients[:RECIPIENTS])
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = email.utils.make_msgid(domain=server.sender.rpartition("@")[2])
    if event is not None and event.thread:
        # Mail programs show together what refers to the same.
        message["References"] = f"<{event.thread.replace('/', '.').replace('@', '.')}@trueup>"
    if options_of(notification).get("html") is True:
        message.set_content(text, subtype="html")
    else:
        message.set_content(text)
    return message
