"""What systemd asks of a service of `Type=notify`, and the unit that is shipped."""

import re
import socket

import documents
from conftest import Flowgauge


def test_a_supervisor_hears_when_it_is_ready_and_when_it_stops(tmp_path, upstream, monkeypatch):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.settimeout(30)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    server = Flowgauge(tmp_path, upstream)
    assert listener.recv(64) == b"READY=1"
    server.stop()
    assert listener.recv(64) == b"STOPPING=1"
    listener.close()


def test_the_shipped_unit_waits_for_it():
    unit = (documents.REPOSITORY / "packaging/flowgauge.service").read_text()
    assert re.search(r"^Type=notify$", unit, re.MULTILINE)
