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

/** All snippets for a server at `base`, e.g. `http://127.0.0.1:4000`. */
export const snippets = (base) => [
  { title: "Any OpenAI SDK", code: environment(base) },
  { title: "Python", code: python(base) },
  { title: "JavaScript", code: js(base) },
  { title: "curl", code: curl(base) },
  { title: "LangChain", code: langchain(base) },
  { title: "LiteLLM", code: litellm(base) },
  { title: "OpenTelemetry", code: otel(base) },
];
