"""The same five calls give the same five rows, whichever instrumentation tells of them."""

import pathlib
import subprocess

import pytest

from conftest import venv_python

HERE = pathlib.Path(__file__).parent
KINDS = ["otel", "openinference", "traceloop"]
DIALECTS = {
    "otel": {"semconv_g1", "semconv_g2", "semconv_g3"},
    "openinference": {"openinference"},
    # Traceloop writes the conventions of OpenTelemetry now, under its own scope.
    "traceloop": {"openllmetry", "semconv_g1", "semconv_g2", "semconv_g3"},
}


def emit(kind, flowgauge, upstream):
    command = [venv_python(kind), str(HERE / "emit.py"), kind, upstream, flowgauge.url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return flowgauge.rows(5)


@pytest.mark.parametrize("kind", KINDS)
def test_five_calls_are_five_rows(kind, flowgauge, upstream):
    rows = emit(kind, flowgauge, upstream)
    chat, with_usage, without_usage, embeddings, failed = rows
    for row in rows:
        assert row["latency_us"] > 0
        assert row["model_requested"] == "gpt-4o-mini" or row["model_used"] == "gpt-4o-mini"
        assert row["service"] == f"emit-{kind}"
        assert row["door"] == "otlp_http"
        assert row["dialect"] in DIALECTS[kind]
    for row in (chat, with_usage):
        assert (row["input_tokens"], row["output_tokens"]) == (12, 8)
        assert row["cost_nanos"] is not None
    # What was not sent is unknown; an instrumentation that counts for itself says the same or less.
    assert without_usage["input_tokens"] != 0 and without_usage["output_tokens"] != 0
    assert embeddings["input_tokens"] == 5
    assert embeddings["operation"] == "embeddings"
    assert [r["status"] for r in rows] == ["ok", "ok", "ok", "ok", "error"]


def test_the_three_agree(tmp_path, flowgauge, upstream):
    for kind in KINDS:
        command = [venv_python(kind), str(HERE / "emit.py"), kind, upstream, flowgauge.url]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    told = {}
    for row in flowgauge.rows(15):
        facts = (row["operation"], row["status"], row["input_tokens"], row["output_tokens"])
        told.setdefault(row["service"], []).append(facts)
    first, *others = told.values()
    # The stream without usage may or may not have been counted by the instrumentation.
    keep = [0, 1, 3, 4]
    for other in others:
        assert [other[i] for i in keep] == [first[i] for i in keep]
