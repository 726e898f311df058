"""flowgauge and Debian's Alertmanager and Prometheus: each at the end of the other's `POST /api/v2/alerts`."""

import json
import subprocess
import threading
import urllib.request

import pytest
from conftest import CACHE, binary, free_port, raw_post, script, wait_for
from test_alert_prometheus import PROMETHEUS, Exposition, Prometheus

PACKAGE = CACHE / "conformance/debian/prometheus-alertmanager"
DEBIAN = PACKAGE / "usr/bin"
# Debian's build reads its templates under /usr/share, where an unpacked package is not: seen by it alone.
ELSEWHERE = [
    "unshare", "--mount", "--map-root-user", "sh", "-c", 'mount --bind "$0" /usr/share && exec "$@"',
    PACKAGE / "usr/share",
]


class Alertmanager:
    """A running Alertmanager that tells nobody."""

    def __init__(self, directory):
        file = directory / "alertmanager.yml"
        file.write_text(json.dumps({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = open(directory / "alertmanager.log", "w")
        self.process = subprocess.Popen(
            [
                *ELSEWHERE, DEBIAN / "prometheus-alertmanager", f"--config.file={file}",
                f"--storage.path={directory / 'alertmanager'}", "--cluster.listen-address=",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stderr=self.log, stdout=self.log,
        )
        wait_for("Alertmanager ready", self.ready)

    def ready(self):
        assert self.process.poll() is None, "Alertmanager ended"
        try:
            with urllib.request.urlopen(self.url + "/-/ready") as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


@pytest.fixture
def alertmanager(tmp_path):
    running = Alertmanager(tmp_path)
    try:
        yield running
    finally:
        running.stop()


def amtool(url, home, *arguments):
    command = [DEBIAN / "amtool", f"--alertmanager.url={url}", *arguments, "-o", "json"]
    # A home of its own: a developer's amtool configuration must not decide.
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, env={"HOME": str(home)})
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def rules(directory, alertmanager, head=""):
    """A file with one rule that fires while a call is in flight."""
    file = directory / "rules.yaml"
    file.write_text(head + f"""
channels: {{peers: {{type: alertmanager, urls: ["{alertmanager.url}"]}}}}
alerts:
  - alert: calls_in_flight
    condition: inflight_requests > 0
    severity: warning
    channels: [peers]
    labels: {{team: reading}}
    message: "{{{{value}}}} in flight"
""")
    return f"alerts: {{tick: 100ms, rules: ['{file}']}}\n"


class Call(threading.Thread):
    """A call that stays in flight for a while."""

    def __init__(self, server, ms):
        super().__init__()
        self.server, self.ms = server, ms
        self.start()

    def run(self):
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
        raw_post(self.server.url, "/v1/chat/completions", body, script(head_delay_ms=self.ms))


def test_alertmanager_sees_an_alert_of_ours_fire_and_end_and_fire_again(tmp_path, start, alertmanager):
    server = start(config=rules(tmp_path, alertmanager, "semantics: prometheus\ninterval: 200ms\n"))
    seen = lambda: amtool(alertmanager.url, tmp_path, "alert", "query")  # noqa: E731
    assert seen() == []
    starts = []
    # Twice: an alert that has just ended fires again, and at once.
    for _ in range(2):
        call = Call(server, 4_000)
        [alert] = wait_for("the alert fires", seen)
        assert alert["labels"] == {
            "alertname": "calls_in_flight", "severity": "warning", "team": "reading", "environment": "default",
        }
        assert alert["annotations"]["summary"] == "1 in flight"
        assert alert["status"]["state"] in ("active", "unprocessed")
        starts.append(alert["startsAt"])
        call.join()
        wait_for("the alert ends", lambda: not seen())
    assert starts[0] < starts[1]


def test_an_alert_of_our_own_semantics_ends_there_after_keep(tmp_path, start, alertmanager):
    config = rules(tmp_path, alertmanager)
    file = tmp_path / "rules.yaml"
    file.write_text(file.read_text().replace("severity: warning", "severity: critical\n    keep: 500ms"))
    server = start(config=config)
    call = Call(server, 3_000)
    seen = lambda: amtool(alertmanager.url, tmp_path, "alert", "query")  # noqa: E731
    [alert] = wait_for("the alert fires", seen)
    assert alert["labels"]["severity"] == "critical"
    call.join()
    wait_for("the alert ends", lambda: not seen())


def alert_list(server, *arguments):
    """What `flowgauge alert list` prints, and its exit code."""
    ended = subprocess.run(
        [binary("FLOWGAUGE_BIN"), "alert", "list", "--server", server.url, *arguments],
        capture_output=True, text=True, timeout=30,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_prometheus_has_flowgauge_as_its_alertmanager_and_amtool_silences_there(tmp_path, flowgauge):
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{
        "name": "all", "interval": "250ms",
        "rules": [{
            "alert": "TargetDown", "expr": "up == 0", "labels": {"severity": "critical"},
            "annotations": {"summary": "{{ $labels.instance }} is down"},
        }],
    }]}))
    down = f"127.0.0.1:{free_port()}"
    prometheus = Prometheus(tmp_path, {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"},
        "rule_files": [str(tmp_path / "rules.yml")],
        "scrape_configs": [{"job_name": "down", "static_configs": [{"targets": [down]}]}],
        "alerting": {"alertmanagers": [{
            "api_version": "v2",
            "static_configs": [{"targets": [flowgauge.url.removeprefix("http://")]}],
        }]},
    })
    try:
        seen = lambda *more: amtool(flowgauge.url, tmp_path, "alert", "query", *more)  # noqa: E731
        [alert] = wait_for("the alert arrives", seen)
        assert alert["labels"] == {
            "alertname": "TargetDown", "instance": down, "job": "down", "severity": "critical",
        }
        assert alert["annotations"] == {"summary": f"{down} is down"}
        code, shown, said = alert_list(flowgauge)
        assert code == 2, (shown, said)
        [line] = [line for line in shown.splitlines() if "TargetDown" in line]
        assert "critical" in line and "firing" in line and f"instance={down}" in line
        home = {"HOME": str(tmp_path)}
        silence = [
            DEBIAN / "amtool", f"--alertmanager.url={flowgauge.url}", "silence", "add",
            "alertname=TargetDown", "-d", "1h", "-c", "known", "-a", "ada",
        ]
        id = subprocess.run(silence, capture_output=True, text=True, check=True, env=home).stdout.strip()
        assert seen() == []
        [hidden] = seen("--silenced")
        assert hidden["status"]["silencedBy"] == [id]
        subprocess.run(
            [DEBIAN / "amtool", f"--alertmanager.url={flowgauge.url}", "silence", "expire", id],
            check=True, env=home,
        )
        assert len(seen()) == 1
        # The target comes up: Prometheus says that the alert is over.
        target = Exposition(int(down.partition(":")[2]))
        wait_for("the alert is over", lambda: not seen())
        target.stop()
    finally:
        prometheus.stop()
