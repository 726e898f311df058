"""Alert mail of the running server through a mail server with STARTTLS, and its Slack messages, read by others' code."""

import datetime
import email
import email.policy
import html.parser
import json
import pathlib
import re
import ssl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from slack_sdk.models.attachments import Attachment, AttachmentField

from alerting import Alerting
from conftest import free_port, wait_for
from receiver import Receiver

CERTIFICATES = pathlib.Path(__file__).parents[2] / "crates/flowgauge/tests/fixtures/mail"
ACCOUNT, PASSWORD = "alerts", "correct horse battery"
SENDER = "FlowReader <alerts@flow.example>"
GUIDE = [
    "Check performance dashboard",
    "Run diagnostic scripts",
    "Review recent changes",
    "Consider optimization adjustments",
]


class Mailbox:
    """Takes letters for everybody but those it does not know."""

    def __init__(self, unknown=(), later=()):
        self.unknown, self.later, self.letters = set(unknown), set(later), []
        # Run once with the first letter in hand, before it is acknowledged.
        self.first = None

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.unknown:
            return "550 5.1.1 no such user"
        if address in self.later:
            self.later.remove(address)
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        assert session.ssl is not None, "a letter came in clear"
        self.letters.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content))
        first, self.first = self.first, None
        if first:
            first()
        return "250 OK"

    def parsed(self):
        """Each letter's recipients, and what Python reads in it without a complaint."""
        found = []
        for _, to, raw in self.letters:
            letter = email.message_from_bytes(raw, policy=email.policy.default)
            for part in letter.walk():
                assert part.defects == [], part.defects
            found.append((to, letter))
        return found


@pytest.fixture
def serve_mail():
    """Starts a mail server for a handler; its port."""
    running = []

    def begin(handler, tls=True):
        more = {}
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")

            def knows(server, session, envelope, mechanism, data):
                known = (data.login, data.password) == (ACCOUNT.encode(), PASSWORD.encode())
                return AuthResult(success=known)

            more = {
                "tls_context": context, "require_starttls": True,
                "authenticator": knows, "auth_required": True,
            }
        controller = Controller(handler, hostname="127.0.0.1", port=free_port(), **more)
        controller.start()
        running.append(controller)
        return controller.port

    yield begin
    for controller in running:
        controller.stop()


def rules(to, more=""):
    return f"""
channels:
  mail: {{type: email, to: [{", ".join(to)}]}}
{more}
alerts:
- alert: busy
  condition: inflight_requests >= 1
  severity: critical
  channels: [mail]
  message: "{{{{value}}}} in flight"
"""


@pytest.fixture
def start_mailing(tmp_path, upstream, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    servers = []

    def begin(port, to, trust=True, more=""):
        trusted = f", ca_file: {CERTIFICATES / 'localhost.pem'}" if trust else ""
        smtp = (
            f"  smtp: {{host: localhost, port: {port}, from: '{SENDER}', user: {ACCOUNT}, "
            f"password: 'env:MAIL_PASSWORD'{trusted}}}\n"
        )
        servers.append(Alerting(tmp_path, upstream, rules(to, more), more=smtp))
        return servers[-1]

    yield begin
    for server in servers:
        if server.process.poll() is None:
            server.stop()


def fire(server):
    call = server.call()
    wait_for("it fires", lambda: server.rule("busy")["state"] == "firing")
    return call


class Page(html.parser.HTMLParser):
    """Cells of the table, items of the list and links of a letter."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.items, self.links, self.tags, self.into = [], [], {}, set(), None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag in ("td", "li"):
            self.into = self.cells if tag == "td" else self.items
            self.into.append("")
        if tag == "a":
            self.href, self.into = dict(attributes)["href"], None

    def handle_endtag(self, tag):
        if tag in ("td", "li"):
            self.into = None
        if tag == "a":
            self.href = None

    href = None

    def handle_data(self, data):
        if self.href:
            self.links[data] = self.href
        elif self.into is not None:
            self.into[-1] += data


def test_a_letter_is_the_guides_and_the_resolve_threads_under_it(serve_mail, start_mailing):
    mailbox = Mailbox()
    server = start_mailing(serve_mail(mailbox), ["ops@flow.example"])
    call = fire(server)
    wait_for("a letter", lambda: mailbox.letters)
    call.give_up()
    wait_for("the second", lambda: len(mailbox.letters) == 2)
    [episode] = server.episodes()
    (to, fired), (_, resolved) = mailbox.parsed()
    assert to == ["ops@flow.example"] and fired["To"] == "ops@flow.example"
    assert mailbox.letters[0][0] == "alerts@flow.example" and fired["From"] == SENDER
    assert fired["Subject"] == "FlowReader Performance Alert: busy"
    assert resolved["Subject"].startswith("FlowReader Performance Alert: busy"), resolved["Subject"]
    root = f"<{episode['id']}.0@flow.example>"
    assert fired["Message-ID"] == root and fired["In-Reply-To"] is None
    assert resolved["In-Reply-To"] == root and resolved["References"] == root
    assert resolved["Message-ID"] not in (None, root)
    for letter in (fired, resolved):
        assert letter["Auto-Submitted"] == "auto-generated"
        assert letter["X-Flowgauge-Alert"] == "busy"
        assert letter["X-Flowgauge-Severity"] == "critical"
        assert letter["X-Flowgauge-Episode"] == episode["id"]
        assert abs(letter["Date"].datetime.timestamp() - datetime.datetime.now().timestamp()) < 120
        assert letter.get_content_type() == "multipart/alternative"
        plain, rich = letter.iter_parts()
        assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
        for part in (plain, rich):
            assert part["Content-Transfer-Encoding"] == "quoted-printable"
            assert part.get_content_charset() == "utf-8"
    plain, rich = (part.get_content() for part in fired.iter_parts())
    page = Page(rich)
    table = dict(zip(page.cells[::2], page.cells[1::2]))
    assert list(table)[:4] == ["Alert Type", "Current Value", "Threshold", "Timestamp"]
    assert (table["Alert Type"], table["Current Value"]) == ("busy", "1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", table["Timestamp"])
    assert page.items == GUIDE
    assert page.links["View Dashboard"] == "https://flowreader.app/admin/performance"
    assert "🚨 FlowReader Performance Alert" in rich and "1 in flight" in rich
    assert not page.tags & {"img", "script", "link", "style"}, page.tags
    for line in [*GUIDE, "https://flowreader.app/admin/performance", "1 in flight"]:
        assert line in plain


def test_an_unknown_recipient_keeps_no_other_from_the_letter(serve_mail, start_mailing):
    mailbox = Mailbox(unknown={"gone@flow.example"})
    server = start_mailing(
        serve_mail(mailbox), ["ops@flow.example", "gone@flow.example", "boss@flow.example"]
    )
    call = fire(server)
    wait_for("told", lambda: not server.deliveries()["waiting"])
    [episode] = server.episodes()
    [row] = server.get(f"/api/v1/alerts/episodes/{episode['id']}")["deliveries"]
    call.give_up()
    heard = [to for to, _ in mailbox.parsed()]
    assert heard[0] == ["ops@flow.example", "boss@flow.example"], heard
    assert row["state"] == "delivered"
    assert "gone@flow.example" in row["answer"] and "no such user" in row["answer"], row


def test_a_recipient_who_is_put_off_gets_the_letter_later(serve_mail, start_mailing):
    mailbox = Mailbox(later={"ops@flow.example"})
    server = start_mailing(serve_mail(mailbox), ["ops@flow.example"])
    call = fire(server)
    wait_for("a letter", lambda: mailbox.letters)
    call.give_up()
    [to] = [to for to, letter in mailbox.parsed() if "resolved" not in letter["Subject"]]
    assert to == ["ops@flow.example"]


def test_a_letter_that_is_sent_again_after_a_kill_has_the_same_id(serve_mail, start_mailing):
    mailbox = Mailbox()
    port = serve_mail(mailbox)
    server = start_mailing(port, ["ops@flow.example"])
    mailbox.first = server.kill
    server.call()
    wait_for("a letter", lambda: server.process.poll() is not None and mailbox.letters)
    server = start_mailing(port, ["ops@flow.example"])
    wait_for("its end", lambda: server.episodes()[0]["ended"])
    wait_for("all told", lambda: not server.deliveries()["waiting"])
    [episode] = server.episodes()
    ids = [letter["Message-ID"] for _, letter in mailbox.parsed()]
    assert len(ids) == 3 and ids[0] == ids[1] == f"<{episode['id']}.0@flow.example>", ids
    assert ids[2] != ids[0]


def test_nothing_is_said_to_a_server_that_cannot_be_trusted(serve_mail, start_mailing):
    mailbox = Mailbox()
    server = start_mailing(serve_mail(mailbox), ["ops@flow.example"], trust=False)
    call = fire(server)
    tried = lambda: [d for d in server.deliveries()["waiting"] if d["attempts"]] + server.deliveries()["dead"]
    [row, *_] = wait_for("an attempt", tried)
    call.give_up()
    assert "certificate" in row["answer"].lower(), row
    assert mailbox.letters == []


def test_nothing_is_said_in_clear(serve_mail, start_mailing):
    mailbox = Mailbox()
    server = start_mailing(serve_mail(mailbox, tls=False), ["ops@flow.example"])
    call = fire(server)
    tried = lambda: [d for d in server.deliveries()["waiting"] if d["attempts"]] + server.deliveries()["dead"]
    [row, *_] = wait_for("an attempt", tried)
    call.give_up()
    assert "STARTTLS" in row["answer"], row
    assert mailbox.letters == []


def test_slacks_own_models_take_what_the_server_sends(tmp_path, upstream, monkeypatch):
    receiver = Receiver()
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{receiver.url}/services/T0/B0/secret")
    server = Alerting(tmp_path, upstream, """
alerts:
- alert: busy
  condition: inflight_requests >= 1
  severity: critical
  channels: [slack]
  labels: {team: "<!channel> & co"}
  message: "{{value}} in flight"
""")
    try:
        call = fire(server)
        wait_for("told", lambda: receiver.messages)
        call.give_up()
        wait_for("its end", lambda: len(receiver.messages) == 2)
        shown = json.dumps(server.deliveries()) + server.said()
    finally:
        server.stop()
        receiver.close()
    assert "B0/secret" not in shown, "the address is a password"
    for message, colour in zip(receiver.at("/services/T0/B0/secret"), ["danger", "good"], strict=True):
        assert message.headers["content-type"].startswith("application/json")
        payload = message.body
        first, rest = payload["text"].split("\n", 1)
        assert "FlowReader Performance Alert" in first and "1 in flight" in rest
        [given] = payload["attachments"]
        assert given["color"] == colour
        fields = [AttachmentField(**field) for field in given["fields"]]
        others = {k: v for k, v in given.items() if k not in ("fields", "mrkdwn_in", "text")}
        model = Attachment(
            text=given.get("text", ""), fields=fields, markdown_in=given["mrkdwn_in"], **others
        )
        model.validate_json()
        assert {k: v for k, v in model.to_dict().items() if v != ""} == given
        titles = [field["title"] for field in given["fields"]]
        assert titles[:5] == ["Alert", "Severity", "Value", "Threshold", "Time"]
        assert given["fields"][0]["value"] == "busy" and given["fields"][1]["value"] == "CRITICAL"
        assert "<!channel>" not in json.dumps(payload), "a label must not call everybody"
        assert not {"channel", "username", "icon_emoji"} & set(payload)
