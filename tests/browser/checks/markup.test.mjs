// Whatever telemetry says is text: hostile values in every field a producer can set, on every page.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { PAGES, URL_UNDER_TEST, launch, open, settled } from "./browser.mjs";
import { PAYLOADS } from "./payloads.mjs";

let browser;
before(async () => {
  browser = await launch();
  await sendHostile();
});
after(() => browser.close());

const text = (key, value) => ({ key, value: { stringValue: value } });
const number = (key, value) => ({ key, value: { intValue: String(value) } });
/** Attributes a producer chooses freely. */
const FIELDS = [
  "gen_ai.request.model", "gen_ai.response.model", "gen_ai.provider.name", "gen_ai.operation.name", "gen_ai.response.id", "gen_ai.conversation.id", "error.type", "http.route", "flowgauge.endpoint", "flowgauge.intent",
  "user.id", "session.id", "server.address", "gen_ai.response.finish_reasons", "an.own.attribute",
];
const RESOURCE = ["service.name", "service.version", "deployment.environment.name", "service.instance.id"];

/** Traces of what was sent. */
const traces = [];

/** A span whose every text is hostile, each field with another payload. */
function span(payload, i) {
  const end = BigInt(Date.now() - 1_000 * (i % 50)) * 1_000_000n;
  const of = (at) => PAYLOADS[(i + at) % PAYLOADS.length];
  const traceId = randomBytes(16).toString("hex");
  traces.push(traceId);
  return {
    traceId, spanId: randomBytes(8).toString("hex"), name: payload, kind: 3, startTimeUnixNano: String(end - 900_000_000n), endTimeUnixNano: String(end),
    status: i % 3 === 0 ? { code: 2, message: payload } : {},
    attributes: [text("gen_ai.operation.name", "chat"), number("gen_ai.usage.input_tokens", 100), number("gen_ai.usage.output_tokens", 10), ...FIELDS.map((key, at) => text(key, of(at))), text(payload.slice(0, 200), "a name")],
    events: [{ name: "gen_ai.evaluation.result", timeUnixNano: String(end), attributes: [text("gen_ai.evaluation.name", of(1)), { key: "gen_ai.evaluation.score.value", value: { doubleValue: 0.5 } }, text("gen_ai.evaluation.score.label", of(2)), text("gen_ai.evaluation.explanation", of(3))] }],
  };
}

async function sendHostile() {
  const resourceSpans = PAYLOADS.map((payload, i) => ({
    resource: { attributes: RESOURCE.map((key, at) => text(key, PAYLOADS[(i + at) % PAYLOADS.length])) },
    scopeSpans: [{ scope: { name: payload }, spans: [span(payload, i)] }],
  }));
  const post = (path, body) => fetch(`${URL_UNDER_TEST}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const sent = await post("/v1/traces", { resourceSpans });
  assert.ok(sent.ok, `spans were refused: ${sent.status}`);
  // What people and others say comes by their own doors; a refusal is as good as text.
  const by = (i) => PAYLOADS[i % PAYLOADS.length].slice(0, 180);
  const id = (await (await fetch(`${URL_UNDER_TEST}/api/v1/requests?limit=1&since=15m`)).json()).items[0]?.call_id;
  await Promise.all(PAYLOADS.slice(0, 12).flatMap((payload, i) => [
    post("/api/v1/feedback", { request_id: id, user: by(i), rating: 1 + (i % 5), category: by(i + 1), comment: payload }),
    post("/api/v1/scores", { request_id: id, evaluator: by(i), evaluator_version: by(i + 1), score: 0.4, label: by(i + 2), explanation: payload }),
    post("/api/v2/alerts", [{ labels: { alertname: by(i), severity: "warning", x: payload }, annotations: { summary: payload } }]),
  ]));
  await post("/api/v1/incidents", { severity: "medium", note: PAYLOADS[12], author: PAYLOADS[13], respond: false });
  await post("/api/v1/control/changes", { set: { "/rollouts/context_pruning/salt": 1 }, author: PAYLOADS[14], reason: PAYLOADS[15] });
}

/** Opens a page in which a payload that runs is told. */
async function watched(address, theme) {
  const opened = await open(browser, "/setup", { theme });
  await opened.page.evaluate(() => (globalThis.pwned = () => console.error("PWNED")));
  await opened.page.addInitScript(() => (globalThis.pwned = () => console.error("PWNED")));
  await opened.page.goto(URL_UNDER_TEST + address);
  return opened;
}

const HOURS = "?from=now-15m&to=now&live=0";

for (const name of PAGES) {
  test(`${name}: hostile telemetry is text`, async () => {
    // The newest calls are others': the list shows those of one hostile application.
    const only = name === "requests" ? `&where=${encodeURIComponent(`service=${PAYLOADS[0]}`)}` : "";
    const { page, faults, close } = await watched(`/${name}${HOURS}${only}`, name.length % 2 === 0 ? "light" : "dark");
    await settled(page, name);
    await page.waitForLoadState("networkidle");
    // All at once: a press changes the button's name, and an answer may renew what is around it.
    await page.evaluate(() => {
      for (const one of document.querySelectorAll("main .twin-bar button, main details > summary")) one.click();
    });
    await page.waitForLoadState("networkidle");
    const foreign = await page.evaluate(() => [...document.querySelectorAll("main *")].filter((one) => [...one.attributes].some((a) => /^on/i.test(a.name) || (/^(href|src|action|formaction)$/i.test(a.name) && /^\s*(javascript|data|vbscript):/i.test(a.value)))).map((one) => one.outerHTML.slice(0, 120)));
    assert.deepEqual(foreign, []);
    assert.equal(await page.locator("main script, main iframe, main object, main embed, main img, main style, main meta, main base").count(), 0);
    assert.deepEqual(faults, []);
    await close();
  });
}

test("a call's own page shows hostile attributes as they came", async () => {
  const asked = await Promise.all(traces.slice(0, 8).map(async (trace) => (await (await fetch(`${URL_UNDER_TEST}/api/v1/requests?trace_id=${trace}`)).json()).items[0]));
  const hostile = asked.filter((row) => row !== undefined && /pwned/.test(JSON.stringify(row)));
  assert.equal(hostile.length, 8, "hostile calls were stored");
  for (const row of hostile) {
    const { page, faults, close } = await watched(`/requests/${row.call_id}`, "light");
    await page.locator("main h1").first().waitFor();
    await page.waitForLoadState("networkidle");
    assert.match(await page.locator("main").innerText(), /pwned/);
    assert.deepEqual(faults, []);
    await close();
  }
});

test("addresses made of payloads run nothing", async () => {
  for (const payload of PAYLOADS.slice(0, 20)) {
    const value = encodeURIComponent(payload);
    const { page, faults, close } = await watched(`/requests?where=model%3D${value}&status=ok&compare=${value}&hide=${value}`, "light");
    await page.locator("main h1").first().waitFor();
    await page.waitForLoadState("networkidle");
    assert.deepEqual(faults.filter((fault) => !/status of 4\d\d/.test(fault)), []);
    await close();
  }
});

test("there are at least 60 ways in, and reports hold them as text", async () => {
  assert.ok(PAYLOADS.length >= 60);
  const response = await fetch(`${URL_UNDER_TEST}/api/v1/reports/daily?format=html&period=current`);
  const html = await response.text();
  const { page, close } = await open(browser, "/setup");
  const found = await page.evaluate((text) => {
    const all = [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("*")];
    return all.filter((one) => /^(script|iframe|object|embed|base)$/i.test(one.tagName) || [...one.attributes].some((a) => /^on/i.test(a.name) || /^\s*(javascript|vbscript):/i.test(a.value))).map((one) => one.outerHTML.slice(0, 100));
  }, html);
  await close();
  assert.deepEqual(found, []);
});
