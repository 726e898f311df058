// Sends one call the way an instrumented application does: an OTLP span over HTTP. Refuses a server
// that does not take it.
import { randomBytes } from "node:crypto";

const text = (key, value) => ({ key, value: { stringValue: value } });
const number = (key, value) => ({ key, value: { intValue: String(value) } });

/** A chat span of `model` that ended now, below `parent` where one is given; answers its ids. */
export async function sendCall(base, model = "browser-check", parent = null) {
  const end = BigInt(Date.now()) * 1_000_000n;
  const span = {
    traceId: parent?.traceId ?? randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex"), parentSpanId: parent?.spanId, name: `chat ${model}`, kind: 3,
    startTimeUnixNano: String(end - 812_000_000n), endTimeUnixNano: String(end),
    attributes: [
      text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"), text("gen_ai.request.model", model), text("gen_ai.response.model", model),
      number("gen_ai.usage.input_tokens", 1200), number("gen_ai.usage.output_tokens", 80),
    ],
  };
  const body = { resourceSpans: [{ resource: { attributes: [text("service.name", "browser-checks")] }, scopeSpans: [{ scope: { name: "browser-checks" }, spans: [span] }] }] };
  const response = await fetch(`${base}/v1/traces`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${base}/v1/traces answered ${response.status}: ${await response.text()}`);
  return { traceId: span.traceId, spanId: span.spanId };
}

/** Sends many calls of given times: `{at, ms, model, service}`, `at` the unix milliseconds of their end. */
export async function sendTimed(base, calls) {
  const span = ({ at, ms, model }) => ({
    traceId: randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex"), name: `chat ${model}`, kind: 3,
    startTimeUnixNano: String(BigInt(Math.round(at - ms)) * 1_000_000n), endTimeUnixNano: String(BigInt(Math.round(at)) * 1_000_000n),
    attributes: [text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"), text("gen_ai.request.model", model), text("gen_ai.response.model", model), number("gen_ai.usage.input_tokens", 300), number("gen_ai.usage.output_tokens", 40)],
  });
  const services = groups(calls);
  const resourceSpans = [...services].map(([service, some]) => ({ resource: { attributes: [text("service.name", service)] }, scopeSpans: [{ scope: { name: "browser-checks" }, spans: some.map(span) }] }));
  const response = await fetch(`${base}/v1/traces`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ resourceSpans }) });
  if (!response.ok) throw new Error(`${base}/v1/traces answered ${response.status}: ${await response.text()}`);
}

function groups(calls) {
  const all = new Map();
  for (const one of calls) all.set(one.service, [...(all.get(one.service) ?? []), one]);
  return all;
}
