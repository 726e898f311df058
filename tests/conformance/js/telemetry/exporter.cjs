// Exports one span of a chat call through one exporter.
//
// usage: exporter.cjs http|proto|grpc none|gzip ENDPOINT
const { CompressionAlgorithm } = require("@opentelemetry/otlp-exporter-base");
const { NodeSDK } = require("@opentelemetry/sdk-node");
const { SpanKind, trace } = require("@opentelemetry/api");

const [kind, compression, endpoint] = process.argv.slice(2);
const name = `@opentelemetry/exporter-trace-otlp-${kind}`;
const { OTLPTraceExporter } = require(name);
const inner = new OTLPTraceExporter({
  url: kind === "grpc" ? endpoint : endpoint + "/v1/traces",
  compression: compression === "gzip" ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
});

// What the server said of the span; an exporter keeps it to itself.
let code = null;
const exporter = {
  export: (spans, done) => inner.export(spans, (result) => { code = result.code; done(result); }),
  shutdown: () => inner.shutdown(),
  forceFlush: () => inner.forceFlush?.() ?? Promise.resolve(),
};
const sdk = new NodeSDK({ serviceName: `exporter-js-${kind}`, traceExporter: exporter });
sdk.start();

async function main() {
  const start = Date.now() - 1000;
  const span = trace.getTracer("conformance", "1.0").startSpan("chat gpt-4o-mini", { kind: SpanKind.CLIENT, startTime: start });
  span.setAttributes({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 8,
    "gen_ai.response.finish_reasons": ["stop"],
  });
  span.end(start + 250);
  await sdk.shutdown();
  const version = JSON.parse(require("node:fs").readFileSync(`${__dirname}/node_modules/${name}/package.json`)).version;
  console.log(JSON.stringify({ version, code }));
}

main();
