// The few lines that connect an application, with this server's address. Refuses to ask for a key:
// the application's own key stays where it is.

const python = (base) => `from openai import OpenAI

client = OpenAI(base_url="${base}/v1")  # the key stays in OPENAI_API_KEY
answer = client.chat.completions.create(
    model="gpt-5-mini",
    messages=[{"role": "user", "content": "Say hello in one word."}],
    # optional: splits every figure by purpose
    extra_headers={"x-flowgauge-intent": "greeting"},
)
print(answer.choices[0].message.content)`;

const js = (base) => `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}/v1" }); // the key stays in OPENAI_API_KEY
const answer = await client.chat.completions.create(
  { model: "gpt-5-mini", messages: [{ role: "user", content: "Say hello in one word." }] },
  { headers: { "x-flowgauge-intent": "greeting" } }, // optional
);
console.log(answer.choices[0].message.content);`;

const curl = (base) => `curl ${base}/v1/chat/completions \\
  -H "authorization: Bearer $OPENAI_API_KEY" \\
  -H "content-type: application/json" \\
  -H "x-flowgauge-intent: greeting" \\
  -d '{"model":"gpt-5-mini","messages":[{"role":"user","content":"Say hello in one word."}]}'`;

const langchain = (base) => `from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="gpt-5-mini",
    base_url="${base}/v1",
    stream_usage=True,
    default_headers={"x-flowgauge-app": "my-app"},  # optional
)
print(model.invoke("Say hello in one word.").content)`;

const litellm = (base) => `import litellm

answer = litellm.completion(
    model="openai/gpt-5-mini",  # the key stays in OPENAI_API_KEY
    api_base="${base}/v1",
    messages=[{"role": "user", "content": "Say hello in one word."}],
    extra_headers={"x-flowgauge-intent": "greeting"},  # optional
)
print(answer.choices[0].message.content)`;

const otel = (base) => `# An application that already sends OpenTelemetry traces of its LLM calls:
export OTEL_EXPORTER_OTLP_ENDPOINT=${base}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`;

const environment = (base) => `# In the shell of your application. No code changes; your OPENAI_API_KEY stays as it is.
export OPENAI_BASE_URL=${base}/v1`;

/** Clients that call by OpenAI's SDK for Python say only that. */
const ALIKE = (name) => `${name} for Python calls by OpenAI's SDK for Python and says only that: either turns this green.`;
const SDKS = ["openai_python", "openai_js", "openai_other"];
const OTLP = ["otel_python", "otel_js", "otel_other", "otel_collector", "otlp_other"];

/** All snippets for a server at `base`, e.g. `http://127.0.0.1:4000`, each with the kinds of clients that turn it green. */
export const snippets = (base) => [
  { title: "Any OpenAI SDK", code: environment(base), families: [...SDKS, "langchain", "litellm"], alike: null },
  { title: "Python", code: python(base), families: ["openai_python"], alike: "LangChain and LiteLLM call by this SDK too: they turn it green as well." },
  { title: "JavaScript", code: js(base), families: ["openai_js"], alike: null },
  { title: "curl", code: curl(base), families: ["curl"], alike: null },
  { title: "LangChain", code: langchain(base), families: ["langchain", "openai_python"], alike: ALIKE("LangChain") },
  { title: "LiteLLM", code: litellm(base), families: ["litellm", "openai_python"], alike: ALIKE("LiteLLM") },
  { title: "OpenTelemetry", code: otel(base), families: OTLP, alike: null },
];

/** Which of `clients` came last by a snippet; null where none came. */
export function seenBy(families, clients) {
  const some = clients.filter((one) => families.includes(one.family));
  return some.reduce((last, one) => (last === null || Date.parse(one.last_seen) > Date.parse(last.last_seen) ? one : last), null);
}

/** Clients that no snippet is about. */
export const others = (all, clients) => clients.filter((one) => !all.some((snippet) => snippet.families.includes(one.family)));
