"""Starts the real binary and the scripted upstream, and reads rows back through the API."""

import http.client
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

# Far beyond what a start or a commit takes on a loaded machine.
DEADLINE_S = 30
CACHE = pathlib.Path(os.environ.get("FLOWGAUGE_CACHE", pathlib.Path.home() / ".cache/flowgauge"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition):
    """The first true value of `condition`; fails at the deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"{what}: not within {DEADLINE_S} s")


def binary(variable):
    path = os.environ.get(variable)
    if not path or not os.path.exists(path):
        pytest.fail(f"{variable} must name the built binary, is {path!r}")
    return path


def venv_python(kind):
    """The interpreter of an environment made by setup.sh."""
    path = CACHE / "conformance" / kind / "bin" / "python"
    if not path.exists():
        pytest.fail(f"{path} is missing; run tests/conformance/setup.sh")
    return str(path)


@pytest.fixture(scope="session")
def upstream():
    """Base URL of a scripted upstream, without /v1."""
    process = subprocess.Popen(
        [binary("SCRIPTED_UPSTREAM_BIN"), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


class Flowgauge:
    """A running server on a data directory of its own."""

    def __init__(self, directory, upstream):
        self.port, self.grpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(directory / "stderr", "w+")
        self.process = subprocess.Popen(
            [
                binary("FLOWGAUGE_BIN"), "serve",
                "--listen", f"127.0.0.1:{self.port}",
                "--upstream", upstream,
                "--data-dir", str(directory / "data"),
                "--set", f"otlp.grpc.listen=127.0.0.1:{self.grpc_port}",
                "--set", "otlp.http.enabled=false",
            ],
            stderr=self.log,
        )
        wait_for("server ready", self.ready)

    def ready(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            pytest.fail(f"flowgauge ended with {self.process.returncode}: {self.log.read()}")
        try:
            with urllib.request.urlopen(self.url + "/-/ready") as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}{path}?{query}") as answer:
            return json.load(answer)

    def rows(self, count, **parameters):
        """Exactly `count` rows, oldest first. An answer's row may follow it by a commit."""

        def enough():
            items = self.get("/api/v1/requests", limit=100, **parameters)["items"]
            return items if len(items) >= count else None

        items = wait_for(f"{count} rows", enough)
        assert len(items) == count, [(r["operation"], r["status"]) for r in items]
        return items[::-1]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        assert self.process.returncode == 0, "flowgauge did not end in good order"


@pytest.fixture
def flowgauge(tmp_path, upstream):
    server = Flowgauge(tmp_path, upstream)
    try:
        yield server
    finally:
        server.stop()


def raw_post(base_url, path, body, headers=()):
    """Status and body bytes as they came over the wire."""
    address = urllib.parse.urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=DEADLINE_S)
    try:
        fields = {"content-type": "application/json", **dict(headers)}
        connection.request("POST", path, json.dumps(body), fields)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
