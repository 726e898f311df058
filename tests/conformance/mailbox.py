"""A mail server on loopback with STARTTLS and passwords, and what Python reads in the letters it took."""

import email
import email.policy
import pathlib
import ssl
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from conftest import free_port

CERTIFICATES = pathlib.Path(__file__).parents[2] / "crates/flowgauge/tests/fixtures/mail"
ACCOUNT, PASSWORD = "reports", "correct horse battery"
SENDER = "FlowReader <reports@flow.example>"


class Mailbox:
    """Takes every letter of whoever knows the password, over TLS."""

    def __init__(self, before=None):
        self.letters, self.accounts = [], []
        # Run with the letter in hand, before it is acknowledged.
        self.before = before or (lambda raw: None)

    async def handle_DATA(self, server, session, envelope):
        assert session.ssl is not None, "a letter came in clear"
        self.letters.append((time.time(), list(envelope.rcpt_tos), envelope.original_content))
        self.accounts.append(session.authenticated)
        self.before(envelope.original_content)
        return "250 OK"

    def parsed(self):
        """Each letter's recipients, and what Python reads in it without a complaint."""
        return [(to, read(raw)) for _, to, raw in list(self.letters)]


def read(raw):
    letter = email.message_from_bytes(raw, policy=email.policy.default)
    for part in letter.walk():
        assert part.defects == [], part.defects
        for name, value in part.items():
            assert not getattr(value, "defects", ()), (name, value.defects)
    return letter


def serve(handler):
    """A running mail server; `.port` and `.stop()`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")

    def knows(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (ACCOUNT.encode(), PASSWORD.encode()))

    controller = Controller(
        handler, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True,
        authenticator=knows, auth_required=True,
    )
    controller.start()
    return controller


def smtp(port):
    """What the section `alerts` says of this server; the password is in MAIL_PASSWORD."""
    return (
        f"  smtp: {{host: localhost, port: {port}, from: '{SENDER}', user: {ACCOUNT}, "
        f"password: 'env:MAIL_PASSWORD', ca_file: {CERTIFICATES / 'localhost.pem'}}}\n"
    )


def channel(to):
    """A rule file with the channel `mail` alone."""
    return f"channels:\n  mail: {{type: email, to: [{', '.join(to)}]}}\nalerts: []\n"


def configuration(directory, port, to):
    """A configuration with the channel `mail` over this server."""
    rules = directory / "rules.yaml"
    rules.write_text(channel(to))
    return f"alerts:\n  tick: 100ms\n  rules: [{rules}]\n{smtp(port)}"
