"""The JavaScript instrumentations and exporters deliver rows with the right figures."""

import pytest

VERSIONS = {"otel": "0.22.0", "openinference": "4.2.7", "traceloop": "0.27.0"}
DIALECTS = {
    "otel": {"semconv_g1", "semconv_g2", "semconv_g3"},
    "openinference": {"openinference"},
    "traceloop": {"openllmetry"},
}
# What each says of the five calls: operation, stream, status, input, output, cost in nano-dollars. The first
# knows streams and failures; the second counts cached input (8 × $0.15 + 4 × $0.075 + 8 × $0.60 per million) but
# ends no span of a failed call and reads no usage of a stream; the third sees neither failures nor embeddings.
TOLD = {
    "otel": [
        ("chat", None, "ok", 12, 8, 6_600),
        ("chat", None, "ok", 12, 8, 6_600),
        ("chat", None, "ok", None, None, None),
        ("embeddings", None, "ok", 5, 0, 750),
        ("chat", None, "error", None, None, None),
    ],
    "openinference": [
        ("chat", None, "ok", 12, 8, 6_300),
        ("chat", True, "ok", None, None, None),
        ("chat", True, "ok", None, None, None),
        ("embeddings", None, "ok", None, None, None),
    ],
    "traceloop": [
        ("chat", None, "ok", 12, 8, 6_600),
        ("chat", None, "ok", None, None, None),
        ("chat", None, "ok", None, None, None),
    ],
}
PRICES = {
    "gpt-4o-mini": {
        "input_cost_per_token": 1.5e-7,
        "output_cost_per_token": 6e-7,
        "cache_read_input_token_cost": 7.5e-8,
    }
}


@pytest.mark.parametrize("kind", list(TOLD))
def test_five_calls_are_rows_with_their_tokens(kind, node, start, upstream):
    flowgauge = start(prices=PRICES)
    said = node("telemetry/emit.cjs", kind, upstream, flowgauge.url)
    # The newest OpenAI SDK that all three instrument.
    assert said == {"openai": "6.49.0", "instrumentation": VERSIONS[kind], "failed": 500}
    rows = flowgauge.rows(len(TOLD[kind]))
    for row in rows:
        assert (row["door"], row["service"]) == ("otlp_http", f"emit-js-{kind}")
        assert row["dialect"] in DIALECTS[kind]
        assert row["leaf"] is True and row["latency_us"] > 0
        assert "gpt-4o-mini" in (row["model_requested"], row["model_used"])
    names = ("operation", "stream", "status", "input_tokens", "output_tokens", "cost_nanos")
    assert [tuple(row[n] for n in names) for row in rows] == TOLD[kind]


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize(
    ("kind", "door"), [("http", "otlp_http"), ("proto", "otlp_http"), ("grpc", "otlp_grpc")]
)
def test_a_span_becomes_a_row(node, flowgauge, kind, door, compression):
    endpoint = f"http://127.0.0.1:{flowgauge.grpc_port}" if kind == "grpc" else flowgauge.url
    said = node("telemetry/exporter.cjs", kind, compression, endpoint)
    assert said == {"version": "0.301.0", "code": 0}
    (row,) = flowgauge.rows(1)
    assert (row["door"], row["service"]) == (door, f"exporter-js-{kind}")
    assert row["latency_us"] == 250_000
    assert (row["input_tokens"], row["output_tokens"]) == (12, 8)
    assert (row["model_requested"], row["model_used"]) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (row["provider"], row["status"], row["finish_reason"]) == ("openai", "ok", "stop")
