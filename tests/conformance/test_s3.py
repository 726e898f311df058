"""Archives in a bucket: they are carried there and verified, and what was dropped answers again from them."""

import hashlib
import hmac
import http.server
import json
import pathlib
import random
import subprocess
import threading
import urllib.parse

import pytest

import spans
import sql
from conftest import binary, wait_for

COUNT = 90
TOTALS = "SELECT count(*), sum(input_tokens), sum(output_tokens), min(event_time), max(event_time) FROM calls"


@pytest.fixture
def bucket(scripts, tmp_path):
    """Address of a service with the bucket `calls`, and the directory of its objects."""
    program, directory = scripts
    objects = tmp_path / "objects"
    command = [str(program), str(directory / "s3" / "serve.mjs"), str(objects), "calls"]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    address = service.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:"), address
    yield address, objects / "calls"
    service.kill()
    service.wait()


class Signed(http.server.BaseHTTPRequestHandler):
    """A bucket that takes what is signed with the secret `right`, as AWS describes it for query parameters."""

    objects = {}

    def signature(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        given = query.pop("X-Amz-Signature", "")
        quoted = sorted((quote(k), quote(v)) for k, v in query.items())
        canonical = "\n".join([
            self.command, url.path, "&".join(f"{k}={v}" for k, v in quoted), f"host:{self.headers['host']}", "", "host",
            "UNSIGNED-PAYLOAD",
        ])
        _, day, region, service, end = query["X-Amz-Credential"].split("/")
        scope = f"{day}/{region}/{service}/{end}"
        text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4right"
        for part in (day, region, service, end):
            key = hmac.digest(key, part.encode(), "sha256")
        return given, hmac.new(key, text.encode(), "sha256").hexdigest()

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        given, want = self.signature()
        path = urllib.parse.urlsplit(self.path).path
        if given != want:
            self.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif self.command == "PUT":
            self.objects[path] = body
            self.answer(200)
        elif path in self.objects:
            self.answer(200, self.objects[path])
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_GET = do_PUT = handle_one

    def log_message(self, *_):
        pass


def quote(text):
    return urllib.parse.quote(text, safe="-_.~")


@pytest.fixture
def signed():
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Signed)
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{service.server_port}", Signed.objects
    service.shutdown()
    thread.join()
    service.server_close()


def old_calls(seed):
    """Calls of three to five days ago."""
    dice = random.Random(seed)
    made = sql.calls(COUNT, seed, sql.now_ns())
    for span in made:
        span.start_ns = sql.now_ns() // sql.MINUTE * sql.MINUTE - dice.randrange(3 * 24 * 60, 5 * 24 * 60) * sql.MINUTE
    return made


def served(start, tmp_path, address, secret="S3RVER"):
    (tmp_path / "id").write_text("S3RVER")
    (tmp_path / "secret").write_text(secret)
    return start(settings={
        "store.seal_age": "1s", "retention.archive": "s3://calls/eu/west", "retention.s3.endpoint": address,
        "retention.s3.access_key": f"file:{tmp_path / 'id'}", "retention.s3.secret_key": f"file:{tmp_path / 'secret'}",
    })


def filled(server, seed):
    spans.post(server.url, old_calls(seed))
    wait_for("all calls", lambda: sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"][0][0] >= COUNT)
    wait_for("no batch unsealed", lambda: server.get("/api/v1/status")["store"]["unsealed_rows"] == 0)


def say(server, *words):
    command = [binary("FLOWGAUGE_BIN"), "metrics", *words, "--server", server.url]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rows(server):
    return sql.run(server.url, TOTALS)[1]["rows"]


def test_an_archive_in_a_bucket_is_verified_dropped_here_and_attached_again(start, tmp_path, bucket):
    address, objects = bucket
    server = served(start, tmp_path, address)
    filled(server, 3)
    before = rows(server)
    done = say(server, "archive", "--older-than", "1d", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["archived"]
    assert (told["dir"], told["rows"], told["failed"]) == ("s3://calls/eu/west", COUNT, [])
    names = {str(f.relative_to(objects)) for f in objects.rglob("*_object")}
    assert any("manifest.json" in n for n in names) and any(".parquet" in n for n in names), names
    again = say(server, "archive", "--older-than", "1d", "--verify", "--json")
    assert (again.returncode, json.loads(again.stdout)["verified"]) == (0, len(told["segments"])), again.stderr

    assert say(server, "prune", "--older-than", "1d", "--yes").returncode == 0
    assert sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[0]]
    attached = say(server, "attach", "s3://calls/eu/west", "--json")
    assert (attached.returncode, json.loads(attached.stdout)["rows"]) == (0, COUNT), attached.stderr
    assert rows(server) == before
    data = pathlib.Path(server.process.args[server.process.args.index("--data-dir") + 1])
    assert list((data / "attached").rglob("*.parquet")) and not (data / "archive-staging").exists()
    assert say(server, "detach", "s3://calls/eu/west").returncode == 0
    assert sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[0]]
    assert not list((data / "attached").rglob("*.parquet"))

    # A second archive adds to the first: its manifest names both.
    filled_again = old_calls(4)
    spans.post(server.url, filled_again)
    wait_for("the new calls", lambda: sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[COUNT]])
    wait_for("no batch unsealed", lambda: server.get("/api/v1/status")["store"]["unsealed_rows"] == 0)
    assert say(server, "archive", "--older-than", "1d").returncode == 0
    assert json.loads(say(server, "attach", "s3://calls/eu/west", "--json").stdout)["rows"] == 2 * COUNT


def test_nothing_counts_as_archived_that_the_bucket_refused(start, tmp_path, signed):
    address, objects = signed
    server = served(start, tmp_path, address, secret="another")
    filled(server, 5)
    done = say(server, "archive", "--older-than", "1d")
    assert done.returncode != 0 and "SignatureDoesNotMatch" in done.stderr, done
    assert "another" not in done.stderr and "X-Amz" not in done.stderr, done.stderr
    refused = say(server, "prune", "--older-than", "1d", "--yes")
    assert refused.returncode == 1 and "archive" in refused.stderr, refused
    assert sql.run(server.url, "SELECT count(*) FROM calls")[1]["rows"] == [[COUNT]]
    assert objects == {}


def test_requests_are_signed_as_aws_describes_it(start, tmp_path, signed):
    address, objects = signed
    server = served(start, tmp_path, address, secret="right")
    filled(server, 7)
    done = say(server, "archive", "--older-than", "1d", "--json")
    assert done.returncode == 0, done.stderr
    assert "/calls/eu/west/manifest.json" in objects and json.loads(done.stdout)["archived"]["rows"] == COUNT


def test_a_tampered_archive_is_not_attached(start, tmp_path, bucket):
    address, objects = bucket
    server = served(start, tmp_path, address)
    filled(server, 6)
    assert say(server, "archive", "--older-than", "1d").returncode == 0
    [file] = [f for f in objects.rglob("*_object") if ".parquet" in str(f)]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x20
    file.write_bytes(content)
    checked = say(server, "archive", "--older-than", "1d", "--verify")
    assert checked.returncode == 1 and "SHA-256" in checked.stderr, checked
    attached = say(server, "attach", "s3://calls/eu/west")
    assert attached.returncode == 65 and "SHA-256" in attached.stderr, attached
