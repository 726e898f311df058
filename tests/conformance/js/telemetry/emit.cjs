// Makes five calls under one instrumentation and exports their spans.
//
// usage: emit.cjs otel|openinference|traceloop MODEL_URL OTLP_URL
//
// Calls: chat, a stream with usage, a stream without, embeddings, and one that fails. CommonJS,
// because the instrumentations patch what `require` loads.
const { NodeSDK } = require("@opentelemetry/sdk-node");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");

const [kind, modelUrl, otlpUrl] = process.argv.slice(2);
const INSTRUMENTATIONS = {
  otel: ["@opentelemetry/instrumentation-openai", "OpenAIInstrumentation"],
  openinference: ["@arizeai/openinference-instrumentation-openai", "OpenAIInstrumentation"],
  traceloop: ["@traceloop/instrumentation-openai", "OpenAIInstrumentation"],
};
const [name, symbol] = INSTRUMENTATIONS[kind];
const instrumentation = new (require(name)[symbol])();
const sdk = new NodeSDK({
  serviceName: `emit-js-${kind}`,
  traceExporter: new OTLPTraceExporter({ url: otlpUrl + "/v1/traces" }),
  instrumentations: [instrumentation],
});
sdk.start();

const OpenAI = require("openai");
const versionOf = (module) =>
  JSON.parse(require("node:fs").readFileSync(`${__dirname}/node_modules/${module}/package.json`)).version;

async function main() {
  const client = new OpenAI({ baseURL: modelUrl + "/v1", apiKey: "sk-test", maxRetries: 0 });
  const request = { model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }] };
  const drain = async (stream) => {
    for await (const chunk of stream) void chunk;
  };
  await client.chat.completions.create(request);
  await drain(await client.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } }));
  await drain(await client.chat.completions.create({ ...request, stream: true }));
  await client.embeddings.create({ model: request.model, input: "hello", encoding_format: "float" });
  let failed = null;
  try {
    await client.chat.completions.create(request, { headers: { "x-script": '{"status": 500}' } });
  } catch (error) {
    failed = error.status;
  }
  await sdk.shutdown();
  console.log(JSON.stringify({ openai: versionOf("openai"), instrumentation: versionOf(name), failed }));
}

main();
