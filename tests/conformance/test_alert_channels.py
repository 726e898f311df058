"""Payloads of alert channels, read by others' code: Slack's and Standard Webhooks' own libraries, Python's
mail parser, and the fields PagerDuty and Alertmanager document.

The payloads are the golden files that the Rust tests compare with byte for byte.
"""

import datetime
import email
import email.policy
import html.parser
import json
import pathlib

import pytest
from slack_sdk.models.attachments import Attachment, AttachmentField
from standardwebhooks.webhooks import Webhook

FIXTURES = pathlib.Path(__file__).parents[2] / "crates/flowgauge/tests/fixtures/channels"
EPISODE = "01943b2e1b0070008000000000000001"


def golden(name):
    return json.loads((FIXTURES / name).read_text())


def mail(name):
    raw = (FIXTURES / name).read_bytes()
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    for part in parsed.walk():
        assert part.defects == [], part.defects
    return raw, parsed


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.mark.parametrize("name", ["slack_fired", "slack_resolved", "slack_digest", "slack_bot_reply"])
def test_slacks_own_models_take_the_attachment_and_give_it_back(name):
    payload = golden(f"{name}.json")
    (given,) = payload["attachments"]
    fields = [AttachmentField(**field) for field in given["fields"]]
    rest = {k: v for k, v in given.items() if k not in ("fields", "mrkdwn_in", "text")}
    model = Attachment(
        text=given.get("text", ""), fields=fields, markdown_in=given["mrkdwn_in"], **rest
    )
    made = model.to_dict()
    assert {k: v for k, v in made.items() if v != ""} == given
    titles = [field["title"] for field in given["fields"]]
    assert titles[:5] == ["Alert", "Severity", "Value", "Threshold", "Time"]
    assert [field["short"] for field in given["fields"][:5]] == [True, True, True, True, False]
    assert len(json.dumps(payload, ensure_ascii=False)) < 10_000


def test_slacks_first_line_is_the_guides_and_the_message_follows():
    first, rest = golden("slack_fired.json")["text"].split("\n", 1)
    assert first == "🚨 FlowReader Performance Alert"
    assert rest == "P95 latency critically high: 2612ms"


def test_pagerduty_events_hold_what_is_documented_and_nothing_else():
    trigger = golden("pagerduty_trigger.json")
    assert set(trigger) == {
        "routing_key", "event_action", "dedup_key", "client", "client_url", "payload", "links", "images",
    }
    payload = trigger["payload"]
    assert set(payload) == {
        "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details",
    }
    assert payload["severity"] in {"critical", "error", "warning", "info"}
    assert len(trigger["routing_key"]) == 32
    assert len(trigger["dedup_key"]) <= 255 and len(payload["summary"]) <= 1024
    assert datetime.datetime.strptime(payload["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert all(set(link) == {"href", "text"} for link in trigger["links"])

    resolve = golden("pagerduty_resolve.json")
    assert set(resolve) == {"routing_key", "event_action", "dedup_key"}
    assert (resolve["event_action"], resolve["dedup_key"]) == ("resolve", trigger["dedup_key"])

    change = golden("pagerduty_change.json")
    assert set(change) == {"routing_key", "payload", "links"}
    assert set(change["payload"]) == {"summary", "source", "timestamp", "custom_details"}


def test_standard_webhooks_own_library_signs_alike():
    signed = golden("webhook_signed.json")
    moment = datetime.datetime.fromtimestamp(signed["timestamp"], tz=datetime.timezone.utc)
    expected = Webhook(signed["secret"]).sign(signed["id"], moment, signed["body"])
    assert signed["signature"] == expected
    body = json.loads(signed["body"])
    assert set(body) == {"type", "timestamp", "data"}
    assert body["type"] == "alert.fired"
    assert (body["data"]["value"], body["data"]["unit"]) == (2612.0, "ms")


def test_alertmanagers_webhook_has_every_documented_field():
    body = golden("alertmanager_webhook.json")
    assert set(body) == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "notification_reason", "alerts",
    }
    assert body["version"] == "4"
    (alert,) = body["alerts"]
    assert set(alert) == {
        "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint",
    }
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    # FNV-1a over sorted names and values, each followed by 0xff.
    value = 0xCBF29CE484222325
    for pair in sorted(alert["labels"].items()):
        for byte in b"".join(part.encode() + b"\xff" for part in pair):
            value = ((value ^ byte) * 0x100000001B3) % 2**64
    assert alert["fingerprint"] == f"{value:016x}"


def test_alerts_handed_on_last_four_minutes():
    firing, resolved = golden("alertmanager_forward.json")
    for alert in (firing, resolved):
        assert set(alert) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
        assert alert["labels"]["alertname"] == "p95_latency_critical"
    assert when(firing["endsAt"]) - when(resolved["endsAt"]) == datetime.timedelta(minutes=5)


class Text(html.parser.HTMLParser):
    """The words of a page, and what it would load."""

    def __init__(self):
        super().__init__()
        self.words, self.loads, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag in ("img", "script", "link", "iframe", "style"):
            self.loads.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data):
        if data.strip():
            self.words.append(data.strip())


def test_the_letter_is_read_without_a_defect_and_says_what_the_guide_says():
    raw, letter = mail("mail_fired.eml")
    assert letter["subject"] == "FlowReader Performance Alert: p95_latency_critical"
    assert letter["to"].addresses[1].display_name == "Jürgen"
    assert letter["auto-submitted"] == "auto-generated"
    assert letter["x-flowgauge-alert"] == "p95_latency_critical"
    assert letter["x-flowgauge-severity"] == "critical"
    assert letter["x-flowgauge-episode"] == EPISODE
    assert letter.get_content_type() == "multipart/alternative"
    plain, page = letter.iter_parts()
    assert (plain.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert all(part["content-transfer-encoding"] == "quoted-printable" for part in (plain, page))
    assert "Current Value: 2612ms" in plain.get_content()

    text = Text()
    text.feed(page.get_content())
    assert text.loads == []
    assert text.words[0] == "FlowReader Performance Alert"
    assert text.words[1] == "🚨 FlowReader Performance Alert"
    for words in ("Alert Type", "Current Value", "Threshold", "Timestamp", "Recommended Actions",
                  "Check performance dashboard", "Run diagnostic scripts", "Review recent changes",
                  "Consider optimization adjustments", "View Dashboard"):
        assert words in text.words
    assert "https://flowreader.app/admin/performance" in text.links
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_a_resolve_is_an_answer_to_its_fire():
    _, fired = mail("mail_fired.eml")
    _, resolved = mail("mail_resolved.eml")
    assert fired["message-id"] == f"<{EPISODE}.0@flow.test>"
    assert resolved["in-reply-to"] == resolved["references"] == fired["message-id"]
    assert resolved["message-id"] != fired["message-id"]
    assert "resolved" in resolved["subject"]


def test_a_report_carries_its_files_under_their_names():
    raw, report = mail("mail_report.eml")
    assert report.get_content_type() == "multipart/mixed"
    assert report["list-id"]
    (attachment,) = report.iter_attachments()
    assert attachment.get_filename() == "Bericht für März.csv"
    assert attachment["content-transfer-encoding"] == "base64"
    assert attachment.get_content().startswith("day,cost")
    encoded = attachment.get_payload().split()
    assert max(map(len, encoded)) <= 76
