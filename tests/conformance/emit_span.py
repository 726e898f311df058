"""Exports one span of a chat call through one exporter.

usage: emit_span.py http|grpc|json none|gzip ENDPOINT
"""

import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind

# A quarter of a second.
DURATION_NS = 250_000_000


def exporter(kind, compression, endpoint):
    if kind == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        chosen = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
        return OTLPSpanExporter(
            endpoint=endpoint, insecure=True, compression=chosen[compression], timeout=10
        )
    if kind == "json":
        from opentelemetry.exporter.otlp.common.http import Compression
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    return OTLPSpanExporter(
        endpoint=endpoint + "/v1/traces", compression=Compression(compression), timeout=10
    )


class Strict:
    """Fails the program where the server did not take the span."""

    def __init__(self, inner):
        self.inner, self.result = inner, None

    def export(self, spans):
        self.result = self.inner.export(spans)
        return self.result

    def shutdown(self):
        self.inner.shutdown()

    def force_flush(self, timeout_millis=30_000):
        return self.inner.force_flush(timeout_millis)


def main(kind, compression, endpoint):
    strict = Strict(exporter(kind, compression, endpoint))
    provider = TracerProvider(resource=Resource.create({"service.name": f"exporter-{kind}"}))
    provider.add_span_processor(SimpleSpanProcessor(strict))
    tracer = provider.get_tracer("conformance", "1.0")
    span = tracer.start_span("chat gpt-4o-mini", kind=SpanKind.CLIENT)
    span.set_attributes({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.response.finish_reasons": ["stop"],
    })
    span.end(end_time=span.start_time + DURATION_NS)
    if strict.result is not SpanExportResult.SUCCESS:
        raise SystemExit(f"export: {strict.result}")
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
