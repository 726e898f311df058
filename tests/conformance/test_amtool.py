"""Debian's amtool (package prometheus-alertmanager) against /api/v2, through the binary."""

import json
import subprocess

import pytest
from conftest import CACHE

AMTOOL = str(CACHE / "conformance/debian/prometheus-alertmanager/usr/bin/amtool")


@pytest.fixture
def amtool(flowgauge, tmp_path):
    def run(*arguments, fails=False):
        command = [AMTOOL, f"--alertmanager.url={flowgauge.url}", *arguments]
        # A home of its own: a developer's amtool configuration must not decide.
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=30, env={"HOME": str(tmp_path)},
        )
        assert (ended.returncode != 0) == fails, (arguments, ended.stdout, ended.stderr)
        return ended.stderr if fails else ended.stdout

    return run


def read(text):
    return json.loads(text)


def test_an_alert_is_added_and_found(amtool):
    amtool("alert", "add", "disk_full", "host=db1", "--annotation=summary=disk is full")
    amtool("alert", "add", "cpu", "host=db2")
    found = read(amtool("alert", "query", "disk_full", "-o", "json"))
    assert [a["labels"] for a in found] == [{"alertname": "disk_full", "host": "db1"}]
    assert found[0]["annotations"] == {"summary": "disk is full"}
    assert found[0]["status"]["state"] == "active"
    assert len(read(amtool("alert", "query", "-o", "json"))) == 2
    assert read(amtool("alert", "query", "host=~db[3-9]", "-o", "json")) == []
    assert "disk_full" in amtool("alert", "query", "-o", "extended")


def test_a_silence_is_added_updated_and_expired(amtool):
    amtool("alert", "add", "disk_full", "host=db1")
    id = amtool(
        "silence", "add", "alertname=disk_full", "host!=db2", "-d", "2h", "-c", "known", "-a", "ada",
    ).strip()
    [silence] = read(amtool("silence", "query", "-o", "json"))
    assert (silence["id"], silence["createdBy"], silence["comment"]) == (id, "ada", "known")
    assert [(m["name"], m["isEqual"]) for m in silence["matchers"]] == [
        ("alertname", True), ("host", False),
    ]
    assert read(amtool("alert", "query", "-o", "json")) == [], "silenced ones are left out"
    [hidden] = read(amtool("alert", "query", "--silenced", "-o", "json"))
    assert hidden["status"]["silencedBy"] == [id]
    [longer] = read(amtool("silence", "update", id, "-d", "8h", "-o", "json"))
    assert longer["id"] == id and longer["endsAt"] > silence["endsAt"]
    amtool("silence", "expire", id)
    assert read(amtool("silence", "query", "-o", "json")) == []
    [expired] = read(amtool("silence", "query", "--expired", "-o", "json"))
    assert expired["status"]["state"] == "expired"
    assert len(read(amtool("alert", "query", "-o", "json"))) == 1


def test_what_would_hide_everything_is_refused(amtool):
    said = amtool("silence", "add", "alertname=~.*", "-c", "all", fails=True)
    assert "every alert" in said, said


def test_status_and_routes_are_read(amtool):
    assert "disabled" in amtool("cluster", "show")
    shown = amtool("config", "show")
    assert "receiver: flowgauge" in shown
    assert "flowgauge" in amtool("config", "routes", "show")
