"""Spans written out literally, and sent as OTLP in protobuf or JSON without any SDK in between."""

import dataclasses
import json
import secrets
import time
import urllib.request

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SECOND_NS = 1_000_000_000


@dataclasses.dataclass
class Span:
    attributes: dict
    name: str = "chat scenario-model"
    scope: str = "conformance"
    kind: int = 3
    trace: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16))
    span: str = dataclasses.field(default_factory=lambda: secrets.token_hex(8))
    parent: str = ""
    start_ns: int = dataclasses.field(default_factory=lambda: time.time_ns() - 60 * SECOND_NS)
    duration_ns: int = SECOND_NS
    # (name, nanoseconds after the start)
    events: list = dataclasses.field(default_factory=list)


def post(url, spans, encoding="protobuf", service="scenario"):
    """Sends them in one request and asserts that all were taken."""
    body, kind = {"protobuf": (protobuf, "application/x-protobuf"), "json": (as_json, "application/json")}[encoding]
    request = urllib.request.Request(url + "/v1/traces", body(spans, service), {"content-type": kind})
    with urllib.request.urlopen(request) as answer:
        said = answer.read()
    assert answer.status == 200 and said in (b"", b"{}", b'{"partialSuccess":{}}'), said


def as_json(spans, service):
    scopes = [{"scope": {"name": s.scope}, "spans": [json_span(s)]} for s in spans]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).encode()


def json_span(s):
    return {
        "traceId": s.trace, "spanId": s.span, "parentSpanId": s.parent, "name": s.name, "kind": s.kind,
        "startTimeUnixNano": str(s.start_ns), "endTimeUnixNano": str(s.start_ns + s.duration_ns),
        "attributes": [{"key": k, "value": json_value(v)} for k, v in s.attributes.items()],
        "events": [{"name": n, "timeUnixNano": str(s.start_ns + after)} for n, after in s.events],
    }


def json_value(value):
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [json_value(v) for v in value]}}
    return {"stringValue": value}


def protobuf(spans, service):
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    for s in spans:
        scope = resource.scope_spans.add()
        scope.scope.name = s.scope
        out = scope.spans.add(
            trace_id=bytes.fromhex(s.trace), span_id=bytes.fromhex(s.span),
            parent_span_id=bytes.fromhex(s.parent), name=s.name, kind=s.kind,
            start_time_unix_nano=s.start_ns, end_time_unix_nano=s.start_ns + s.duration_ns,
        )
        for key, value in s.attributes.items():
            fill(out.attributes.add(key=key).value, value)
        for name, after in s.events:
            out.events.add(name=name, time_unix_nano=s.start_ns + after)
    return request.SerializeToString()


def fill(out, value):
    if isinstance(value, bool):
        out.bool_value = value
    elif isinstance(value, int):
        out.int_value = value
    elif isinstance(value, float):
        out.double_value = value
    elif isinstance(value, list):
        for item in value:
            fill(out.array_value.values.add(), item)
    else:
        out.string_value = value
