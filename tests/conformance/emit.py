"""Makes the same five calls under one instrumentation and exports their spans.

usage: emit.py otel|openinference|traceloop MODEL_URL OTLP_URL

Runs in that instrumentation's own environment (setup.sh). Calls: chat, a stream with usage, a stream
without, embeddings, and one that fails.
"""

import json
import sys

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "hello"}]


def instrumentor(kind):
    if kind == "otel":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    elif kind == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor
    else:
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    return OpenAIInstrumentor()


def chat(client, number, **more):
    # Each answer has an id of its own, as real ones have.
    headers = {"x-script": json.dumps({"response_id": f"chatcmpl-{number}"})}
    return client.chat.completions.create(
        model=MODEL, messages=MESSAGES, extra_headers=headers, **more
    )


def calls(client):
    chat(client, 1)
    for _ in chat(client, 2, stream=True, stream_options={"include_usage": True}):
        pass
    for _ in chat(client, 3, stream=True):
        pass
    client.embeddings.create(model=MODEL, input="hello", encoding_format="float")
    try:
        client.chat.completions.create(
            model=MODEL, messages=MESSAGES, extra_headers={"x-script": '{"status": 500}'}
        )
    except openai.InternalServerError:
        return
    raise SystemExit("the failing call did not fail")


def main(kind, model_url, otlp_url):
    provider = TracerProvider(resource=Resource.create({"service.name": f"emit-{kind}"}))
    exporter = OTLPSpanExporter(endpoint=otlp_url + "/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    instrumentor(kind).instrument(tracer_provider=provider)
    calls(openai.OpenAI(base_url=model_url + "/v1", api_key="sk-test", max_retries=0))
    if not provider.force_flush(10_000):
        raise SystemExit("the spans were not taken")
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
