"""What single names of the guide promise that its text leaves open (catalogue B1, B5, B7), by the wrappers."""

import datetime
import json
import os

import pytest

import mailbox
from conftest import seen_by
from wrappers import Wrappers

YESTERDAY = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).strftime("%Y-%m-%d")
TO = ["ana@flow.example"]


@pytest.fixture
def wrappers(flowgauge, tmp_path):
    return Wrappers(tmp_path, flowgauge)


@pytest.mark.parametrize("options, sent", [("--samples 5 --quick", 5), ("--samples 5", 6)])
def test_a_quick_measurement_sends_no_request_that_is_not_a_sample(wrappers, upstream, options, sent):
    model = f"measured-{sent}"
    code, out, told = wrappers.run(f"scripts/measure-perf-cost.sh --endpoint chat/completions --model {model} {options}")
    assert code == 0, told
    assert len(seen_by(upstream, model)) == sent
    # The warm-up is in no figure.
    assert json.loads(out)["samples"] == 5, out


def test_a_probe_the_server_knows_nothing_of_is_told_as_its_sender_saw_it(start, tmp_path):
    asked, other = start(), start()
    wrappers = Wrappers(tmp_path, asked)
    code, out, told = wrappers.run(
        f"scripts/measure-perf-cost.sh --endpoint /v1/chat/completions --api-base {other.url} --samples 2 --quick"
    )
    assert code == 0, told
    said = json.loads(out)
    assert said["errors"] == 0 and said["latency"]["p95"] > 0 and said["cost"]["total"] is None, said


def test_a_link_laid_in_tmp_is_replaced_and_what_it_points_at_stays(wrappers):
    report, theirs = wrappers.path(f"/tmp/daily-performance-report-{YESTERDAY}.html"), wrappers.root / "theirs"
    theirs.write_text("somebody else's")
    report.symlink_to(theirs)
    _, _, told = wrappers.run("scripts/generate-daily-performance-report.sh")
    assert theirs.read_text() == "somebody else's"
    assert not report.is_symlink() and report.read_text().startswith("<!DOCTYPE html>"), told
    # Nor is anything beside it left behind, the guide's file of the alert mail included.
    assert os.listdir(report.parent) == [report.name]


def test_a_performance_alert_is_mailed_without_a_file(wrappers):
    wrappers.run("scripts/send-performance-alert.sh p95_latency 2600ms 2500ms")
    assert os.listdir(wrappers.path("/tmp")) == []


def test_the_book_of_performance_is_that_of_now(wrappers):
    def book():
        code, out, told = wrappers.run("scripts/update-performance-documentation.sh")
        assert code == 0, told
        return out

    assert "| response caching |" not in book()
    code, _, told = wrappers.run(
        f"{os.environ['FLOWGAUGE_BIN']} opt rollout response_caching --mode canary=5% --yes --reason book"
    )
    assert code == 0, told
    assert "| response caching | canary 5 % |" in book()


def test_the_weekly_mail_is_the_analysis_with_the_regressions_beside(start, tmp_path, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", mailbox.PASSWORD)
    monkeypatch.setenv("ADMIN_EMAIL", TO[0])
    box = mailbox.Mailbox()
    post = mailbox.serve(box)
    try:
        server = start(config=f"alerts:\n  tick: 100ms\n{mailbox.smtp(post.port)}")
        wrappers = Wrappers(tmp_path, server)
        (tmp_path / "analysis.html").write_text("<!DOCTYPE html><html><body><h1>Week 48</h1><p>p95 rose</p></body></html>")
        (tmp_path / "regressions.json").write_text('{"latency_regression": {"significant": true}}')
        code, _, told = wrappers.run(
            "scripts/send-weekly-report.sh --analysis analysis.html --regressions regressions.json"
        )
        assert code == 0, told
        [(to, letter)] = box.parsed()
    finally:
        post.stop()
    assert to == TO and letter["Subject"] == "Weekly Performance Report"
    assert "<h1>Week 48</h1>" in letter.get_body(("html",)).get_content()
    assert "p95 rose" in letter.get_body(("plain",)).get_content()
    [attached] = letter.iter_attachments()
    assert attached.get_filename() == "regressions.json"
    assert json.loads(attached.get_content())["latency_regression"]["significant"] is True
    # A file that is not there is bad input, and nothing is sent.
    code, _, _ = wrappers.run("scripts/send-weekly-report.sh --analysis gone.html")
    assert code == 65 and len(box.letters) == 1
