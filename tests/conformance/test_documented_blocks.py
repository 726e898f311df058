"""Every block of README.md and the guide's pages does what the page says: commands are run in order in a scratch home
beside a server that has calls, configurations and rules are checked, statements asked, files compared with real ones.

Addresses are those of the test's own server in place of the usual ones, and the day and the month a page speaks of are a
week ago and the month before this one; nothing else is changed. A block that cannot be run stands below
`<!-- not run: REASON -->`.
"""

import datetime
import json
import os
import pathlib
import pty
import re
import subprocess
import sys

import duckdb
import pytest

import documents
import history
import mailbox
import spans
import sql
from alerting import InFlight
from conftest import CACHE, binary, free_port, wait_for
from receiver import Receiver

# The longest page makes a dozen reports, some of them PDFs, on a loaded machine.
LIMIT_S = 600
# Days of calls, and calls in each of their hours: few for long, and of late enough for a baseline.
# They reach into the month before this one on every day of a month.
DAYS, EACH_HOUR, LATELY, EACH_HOUR_LATELY = 32, 4, 2, 24
# The day and the month the pages speak of.
A_DAY, A_MONTH = "2026-11-23", "2026-10"
# A rule file of a reader's own.
RULE = (
    "alert: p95_latency_critical\ncondition: p95_latency > 2500ms for 5 minutes\nseverity: critical\n"
    "channels: [slack, email, pagerduty]\nmessage: \"P95 latency critically high: {{value}}ms\"\n"
)

# What a page has in its configuration when it comes to its commands.
MORE = {"docs/guide/budgets.md": "budgets: [{name: user, per: user, period: day, limit: 2 USD}]\n"}

# Answers other than 0 of commands that look at calls nobody tuned: what is found there is a finding, not a fault of the page.
# Longest beginning counts.
FINDINGS = {
    "flowgauge health check": {1, 2, 3},
    "flowgauge alert list": {1, 2},
    "flowgauge quality satisfaction": {3},
    "flowgauge quality status": {3},
    "flowgauge quality audit": {1, 3},
    "flowgauge quality run": {1},
    "flowgauge opt verify-rollback": {3},
    "flowgauge regression check": {1, 3},
    "flowgauge prices check": {1},
    "flowgauge jobs run": {1},
    "flowgauge ops scale": {1, 3},
    # Without a promoted baseline a set lacks it, and says so.
    "flowgauge config backup": {1},
}


class Home:
    """A scratch home with the files the pages name, beside a server."""

    def __init__(self, server, directory):
        self.server, self.directory = server, directory
        self.programs = directory / "bin"
        self.programs.mkdir(parents=True)
        self.scratch = directory / "scratch"
        self.scratch.mkdir()
        (self.programs / "flowgauge").symlink_to(binary("FLOWGAUGE_BIN"))
        amtool = CACHE / "conformance/debian/prometheus-alertmanager/usr/bin/amtool"
        (self.programs / "amtool").symlink_to(amtool)
        data = server.process.args[server.process.args.index("--data-dir") + 1]
        self.data = pathlib.Path(data)
        (directory / "flowgauge-data").symlink_to(self.data)
        self.fill()

    def fill(self):
        here = self.directory
        (here / "calls.csv").write_text(
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2026-11-01 10:00:00.123,120,30\n2026-11-01 10:00:01.456,80,12\n"
        )
        (here / "my-rules.yaml").write_text(RULE)
        (here / "my-rules-test.yaml").write_text(
            "rule_files: [my-rules.yaml]\ntests:\n- name: fires\n  start: 2025-01-06T09:00:00Z\n  streams:\n"
            "  - {every: 200ms, for: 12m, latency: \"const(4s)\"}\n  expect:\n"
            "  - {at: 6m, alert: p95_latency_critical, state: firing}\n"
        )
        case = {"id": "q1", "intent": "ask", "question": "Who rings the bell?", "context": ["Ada rings the bell."],
                "expected": [["Ada"]], "answers": [{"text": "Ada rings the bell.", "label": 95}]}
        for name in ("questions.jsonl", "labelled.jsonl"):
            (here / name).write_text(json.dumps(case) + "\n")

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLOWGAUGE", "OPENAI", "ANTHROPIC", "OTEL"))}
        return kept | {
            "HOME": str(self.directory), "FLOWGAUGE_SERVER": self.server.url, "OPENAI_API_KEY": "sk-test",
            "PATH": f"{self.programs}:{pathlib.Path(sys.executable).parent}:{kept['PATH']}",
        }

    def here(self, text):
        """The text with the addresses of this server, and days that have calls."""
        today = datetime.datetime.now(datetime.timezone.utc).date()
        text = text.replace(A_DAY, str(today - datetime.timedelta(days=7)))
        text = text.replace(A_MONTH, str(today.replace(day=1) - datetime.timedelta(days=1))[:7])
        text = text.replace("127.0.0.1:4000", f"127.0.0.1:{self.server.port}")
        return text.replace("-p 5433", f"-p {self.server.pg_port}")


@pytest.fixture
def told(monkeypatch):
    """Somebody to tell: a mailbox, and a receiver in the place of Slack."""
    box, team = mailbox.serve(mailbox.Mailbox()), Receiver()
    monkeypatch.setenv("MAIL_PASSWORD", mailbox.PASSWORD)
    monkeypatch.setenv("ADMIN_EMAIL", "ops@flow.example")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", team.url + "/slack")
    yield box
    box.stop()
    team.close()


@pytest.fixture
def home(start, tmp_path, told, request):
    # Small segments, so that the pages about files find some; an alert that somebody can answer.
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "alerts:\n- alert: p95_latency_critical\n  condition: inflight_requests >= 1\n  severity: critical\n"
        "  channels: [slack]\n  message: \"{{value}} in flight\"\n"
    )
    config = MORE.get(request.node.callspec.params.get("document"), "") if hasattr(request.node, "callspec") else ""
    config += (
        f"alerts:\n  tick: 100ms\n  eval_delay: 0s\n  rules: [{rules}]\n{mailbox.smtp(told.port)}store: {{seal_age: 1s}}\n"
        "hooks: {restart: ['true'], scale: ['true']}\n"
        f"retention: {{archive: {tmp_path / 'archive'}}}\n"
    )
    server = start(config=config)
    now = sql.now_ns()
    history.bring(
        server, tmp_path / "past.csv", now, DAYS * 24, lambda hour: EACH_HOUR_LATELY if hour < LATELY * 24 else EACH_HOUR)
    # A segment of the past alone: it can be archived.
    wait_for("a segment", lambda: server.get("/api/v1/status")["store"]["segments"] > 0)
    spans.post(server.url, sql.calls(300, 23, now))
    return Home(server, tmp_path / "home")


# A command that goes on until it is stopped: started beside the block in a folder of its own, and waited for.
ENDLESS = re.compile(r"^(flowgauge (?:serve|demo)\b[^#\n]*)(#.*)?$", re.MULTILINE)
# Writes every command that did not end with 0, and goes on: one wrong line hides no other.
BEFORE = r"""
trap 'code=$?; printf "%s\t%s\0" "$code" "$BASH_COMMAND" >> "$CODES"' ERR
# An answer that refuses is a failure.
curl() { command curl --fail-with-body "$@"; }
trap 'trap - ERR; kill $(jobs -p) 2> /dev/null; wait' EXIT
await() { for _ in $(seq 600); do command curl -sf "http://$1/-/ready" > /dev/null && return 0; sleep 0.1; done; return 1; }
"""


def beside(found):
    # At an address of its own, whichever the page's program would take.
    at = f"127.0.0.1:{free_port()}"
    apart = f"--listen {at} --set otlp.http.enabled=false --set otlp.grpc.enabled=false --set postgres.enabled=false"
    if found[1].startswith("flowgauge demo"):
        apart = f"--listen {at}"
    return f'(cd "$(mktemp -d)" && exec {found[1].strip()} {apart} > /dev/null 2>&1) &\nawait {at}'


def run_shell(block, home):
    """Runs a block of commands; which ended with something else than it may."""
    text = home.here(block.text).replace("cargo run -- ", "flowgauge ")
    text = ENDLESS.sub(beside, text)
    codes = home.scratch / "codes"
    codes.unlink(missing_ok=True)
    ours, theirs = pty.openpty()
    # Whoever follows a page sits at a terminal, where a change is asked for, and agrees.
    os.write(ours, b"y\n" * text.count("\n"))
    done = subprocess.run(
        ["bash", "-c", BEFORE + text], cwd=home.directory, env=home.environment() | {"CODES": str(codes)},
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False,
    )
    os.close(ours)
    os.close(theirs)
    ended = [e.split("\t", 1) for e in codes.read_text().split("\0") if e] if codes.exists() else []
    wrong = [f"{command}: {code}" for code, command in ended if int(code) not in allowed(command)]
    # A shell that could not read the block never came to its commands.
    if not ended and done.returncode != 0:
        wrong.append(f"bash: {done.returncode}")
    return [f"{block.place}: {w}\n{done.stdout[-800:]}" for w in wrong]


def allowed(command):
    fits = [beginning for beginning in FINDINGS if command.startswith(beginning)]
    return FINDINGS[max(fits, key=len)] if fits else set()


def run_yaml(block, home):
    """A configuration, a rule file or a test of rules, told apart by its first keys."""
    text = home.here(block.text)
    # Absolute paths lie in the scratch home.
    for path, content in {
        "/etc/monitoring/performance-alerts.yml": RULE, "/run/secrets/pagerduty": "key", "/etc/flowgauge/llama.json": "{}",
    }.items():
        if path in text:
            file = home.directory / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            text = text.replace(path, str(file))
    file = home.scratch / "block.yaml"
    file.write_text(text)
    keys = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    (home.scratch / "alerts.yaml").write_text(RULE)
    (home.directory / "rubric.txt").write_text("accuracy (2): what it claims is true\n")
    if "rule_files" in keys:
        command = ["alert", "test", str(file)]
    elif keys & {"alert", "channels", "slos"}:
        command = ["alert", "check", str(file)]
    else:
        command = ["config", "validate", "--config", str(file)]
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    secrets = {name: secret if name == "HOOK_SECRET" else "https://hooks.example/x" for name in re.findall(r"\benv:(\w+)", text)}
    done = subprocess.run(
        [binary("FLOWGAUGE_BIN"), *command], cwd=home.directory, env=home.environment() | secrets,
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )
    if done.returncode == 0:
        return []
    return [f"{block.place}: flowgauge {' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"]


def run_sql(block, home):
    if "DuckDB" in block.text:
        here = os.getcwd()
        os.chdir(home.directory)
        try:
            rows = duckdb.sql(block.text.split(";")[0]).fetchall()
        finally:
            os.chdir(here)
        return [] if rows else [f"{block.place}: no row"]
    done = subprocess.run(
        [binary("FLOWGAUGE_BIN"), "metrics", "query", block.text, "--json"], cwd=home.directory, env=home.environment(),
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )
    if done.returncode != 0 or not json.loads(done.stdout):
        return [f"{block.place}: {done.returncode} {done.stdout}{done.stderr}"]
    return []


def run_python(block, home):
    done = subprocess.run(
        [sys.executable, "-c", home.here(block.text)], cwd=home.directory, env=home.environment(),
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )
    return [] if done.returncode == 0 else [f"{block.place}: {done.stderr}"]


def shape(value):
    """The keys of a JSON value, and what kind each is."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


def run_json(block, home):
    """The manifest of an archive is the only file the pages print: it has the shape of a real one."""
    archive = home.directory / "archived"
    subprocess.run(
        [binary("FLOWGAUGE_BIN"), "metrics", "archive", "--older-than", "1h", "--to", str(archive), "--server", home.server.url],
        cwd=home.directory, env=home.environment(), capture_output=True, check=True, timeout=LIMIT_S,
    )
    printed, real = json.loads(block.text), json.loads((archive / "manifest.json").read_text())
    return [] if shape(printed) == shape(real) else [f"{block.place}: {shape(printed)} is not {shape(real)}"]


RUN = {"yaml": run_yaml, "sql": run_sql, "python": run_python, "json": run_json} | dict.fromkeys(documents.SHELLS, run_shell)


def prepare(document, home):
    """What a page takes for granted."""
    if document == "docs/guide/answering-alerts.md":
        home.call = InFlight(home.server.port)
        wait_for("an alert", lambda: home.server.get("/api/v1/alerts/episodes", limit=1)["items"])
    if document == "docs/guide/switching.md":
        # It speaks of change 12.
        for n in range(11):
            change(home, "set", f"/prune/context_tokens={900 + n}")
        change(home, "set", "/guardrail/confirm=3")


def change(home, *words):
    command = [binary("FLOWGAUGE_BIN"), "opt", *words, "--yes", "--reason", "before the page"]
    subprocess.run(command, cwd=home.directory, env=home.environment(), check=True, capture_output=True)


@pytest.mark.parametrize("document", documents.names())
def test_every_block_of_a_page_does_what_the_page_says(document, home):
    prepare(document, home)
    wrong = []
    for block in documents.blocks(document):
        if block.reason is None:
            run = RUN.get(block.language, lambda b, _: [f"{b.place}: nobody knows how to run {b.language!r}"])
            wrong += run(block, home)
    assert not wrong, "\n\n".join(wrong)


def test_a_block_is_read_with_its_language_place_and_reason():
    text = "# A\n\n```sh\nls\n```\n\n<!-- not run: needs a provider -->\n```yaml\na: 1\n```\n```\nplain\n```\n"
    read = documents.read("a.md", text)
    assert [(b.line, b.language, b.reason) for b in read] == [(3, "sh", None), (8, "yaml", "needs a provider"), (11, "", None)]


def test_a_wrong_line_in_the_middle_of_a_block_is_found(home):
    block = documents.Block("a.md", 1, "sh", "flowgauge health check\nflowgauge metrics get no_such_metric\ntrue\n", None)
    [wrong] = run_shell(block, home)
    assert "no_such_metric: 64" in wrong
    rules = documents.Block("a.md", 1, "yaml", "alert: a\ncondition: p95_latncy > 2s\n", None)
    assert run_yaml(rules, home)
    assert run_yaml(documents.Block("a.md", 1, "yaml", "gatewy: {}\n", None), home)
