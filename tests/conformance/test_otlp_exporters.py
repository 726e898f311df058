"""Every exporter of the OpenTelemetry SDK delivers the same row."""

import pathlib
import subprocess

import pytest

from conftest import venv_python

HERE = pathlib.Path(__file__).parent


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize(
    ("kind", "environment", "door"),
    [("http", "main", "otlp_http"), ("grpc", "main", "otlp_grpc"), ("json", "json", "otlp_http")],
)
def test_a_span_becomes_a_row(flowgauge, kind, environment, door, compression):
    endpoint = flowgauge.url
    if kind == "grpc":
        endpoint = f"http://127.0.0.1:{flowgauge.grpc_port}"
    command = [venv_python(environment), str(HERE / "emit_span.py"), kind, compression, endpoint]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    (row,) = flowgauge.rows(1)
    assert row["door"] == door
    assert row["service"] == f"exporter-{kind}"
    assert row["latency_us"] == 250_000
    assert (row["input_tokens"], row["output_tokens"]) == (12, 8)
    assert row["model_requested"] == "gpt-4o-mini"
    assert row["model_used"] == "gpt-4o-mini-2024-07-18"
    assert (row["provider"], row["status"], row["finish_reason"]) == ("openai", "ok", "stop")
