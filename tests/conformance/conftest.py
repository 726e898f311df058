"""Starts the real binary and the scripted upstream, and reads rows back through the API."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from receiver import Receiver

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


def shared_data(file):
    """A file of the public data: in the folder `FLOWGAUGE_DATA` names, or beside the repository."""
    near = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
    path = pathlib.Path(os.environ.get("FLOWGAUGE_DATA", near)) / file
    if not path.exists():
        pytest.skip(f"{path} is not there; set FLOWGAUGE_DATA")
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
        [binary("SCRIPTED_UPSTREAM_BIN"), "--port", "0", "--keep"],
        stdout=subprocess.PIPE, text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def receiver():
    """Where alerts are told to by webhook."""
    listening = Receiver()
    yield listening
    listening.close()


def seen_by(upstream, model):
    """Bodies of the requests for a model that reached the upstream, in order."""
    with urllib.request.urlopen(upstream + "/-/seen") as answer:
        requests = json.load(answer)["requests"]
    bodies = [json.loads(r["body"]) for r in requests if r["body"].startswith("{")]
    return [body for body in bodies if body.get("model") == model]


def script(**what):
    """The header that tells the scripted upstream how to answer."""
    return {"x-script": json.dumps(what)}


class Flowgauge:
    """A running server on a data directory of its own.

    `settings` are options of the command line; `config` is the text of a configuration file.
    """

    def __init__(self, directory, upstream, settings=None, config=None):
        self.port, self.grpc_port, self.pg_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(directory / "stderr", "w+")
        more = [f"--set={key}={value}" for key, value in (settings or {}).items()]
        if config is not None:
            file = directory / "flowgauge.yaml"
            file.write_text(config)
            more += ["--config", str(file)]
        self.process = subprocess.Popen(
            [
                binary("FLOWGAUGE_BIN"), "serve", *more,
                "--listen", f"127.0.0.1:{self.port}",
                *(["--upstream", upstream] if upstream else []),
                "--data-dir", str(directory / "data"),
                "--set", f"otlp.grpc.listen=127.0.0.1:{self.grpc_port}",
                "--set", "otlp.http.enabled=false",
                "--set", f"postgres.listen=127.0.0.1:{self.pg_port}",
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

    def kpi(self, name, **parameters):
        """What `GET /api/v1/kpis/{name}` says."""
        return self.get(f"/api/v1/kpis/{name}", **parameters)

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


@pytest.fixture
def start(tmp_path, upstream):
    """Starts servers with prices and settings of the test's own, one after another or side by side."""
    servers = []

    def begin(prices=None, settings=None, config=None, upstream=upstream):
        directory = tmp_path / f"server{len(servers)}"
        directory.mkdir()
        settings = dict(settings or {})
        if prices is not None:
            file = directory / "prices.json"
            file.write_text(json.dumps(prices))
            settings["prices"] = file
        server = Flowgauge(directory, upstream, settings, config)
        servers.append(server)
        return server

    try:
        yield begin
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.stop()


@pytest.fixture(scope="session")
def scripts(tmp_path_factory):
    """Node 24, and js/ with its packages."""
    directory = tmp_path_factory.mktemp("js")
    for kind in ("clients", "telemetry", "flags", "postgres", "s3", "mail"):
        shutil.copytree(pathlib.Path(__file__).parent / "js" / kind, directory / kind)
        # Modules are found beside the script, so that is where the installed ones are linked.
        modules = CACHE / "conformance" / f"js-{kind}" / "node_modules"
        (directory / kind / "node_modules").symlink_to(modules.resolve())
    return CACHE / "conformance" / "node" / "bin" / "node24", directory


@pytest.fixture(scope="session")
def node(scripts):
    """Runs a script of js/ and gives back the JSON it prints."""
    program, directory = scripts

    def run(name, *arguments):
        command = [str(program), str(directory / name), *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


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
