// Live and Setup: what happens when a call arrives.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { URL_UNDER_TEST, launch, open, shoot } from "./browser.mjs";
import { sendCall } from "./send-call.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("Live shows a call when it arrives, and stands still when paused", async () => {
  const { page, faults, close } = await open(browser, "/live");
  await page.getByText("connected", { exact: true }).waitFor();
  await sendCall(URL_UNDER_TEST, "live-check");
  await page.locator("[data-tail] td", { hasText: "live-check" }).first().waitFor();
  await page.locator("figure.chart canvas").first().waitFor();
  assert.equal(await page.locator("figure.chart").count(), 3);
  await shoot(page, "live-with-call");
  await page.getByRole("button", { name: "Live" }).click();
  await page.waitForURL(/live=0/);
  assert.deepEqual(faults, []);
  await close();
});

test("Setup turns green after a call and has the address filled in", async () => {
  const { page, faults, close } = await open(browser, "/setup");
  await sendCall(URL_UNDER_TEST);
  await page.locator("[data-door=otlp][data-seen=true]").waitFor();
  await page.locator("[data-connected=true]").waitFor();
  for (const tab of ["Any OpenAI SDK", "Python", "JavaScript", "curl", "LangChain", "OpenTelemetry"]) {
    await page.getByRole("tab", { name: tab }).click();
    assert.ok((await page.locator("pre").innerText()).includes(URL_UNDER_TEST), tab);
  }
  await page.getByRole("button", { name: "Copy", exact: true }).waitFor();
  assert.deepEqual(faults, []);
  await close();
});

test("each snippet of Setup turns green by a call of its own kind, and says who called and what looks alike", async () => {
  const { page, faults, close } = await open(browser, "/setup");
  const mark = (title) => page.locator(`[data-snippet="${title}"]`);
  const state = page.locator("[data-state]");
  await mark("LiteLLM").waitFor({ state: "attached" });
  const call = (agent) => fetch(`${URL_UNDER_TEST}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json", "user-agent": agent }, body: JSON.stringify({ model: "demo-small", messages: [{ role: "user", content: "Hello" }] }) }).then((answer) => answer.text());
  await page.getByRole("tab", { name: "curl" }).click();
  await state.getByText("waiting", { exact: true }).waitFor();
  await call("curl/8.5.0");
  await page.locator('[data-snippet="curl"][data-seen="true"]').waitFor();
  assert.match(await state.innerText(), /^seen at \d\d:\d\d:\d\d \(curl 8\.5\.0\)$/);
  assert.equal(await mark("JavaScript").getAttribute("data-seen"), "false", "another kind still waits");
  await call("OpenAI/JS 4.67.3");
  await page.locator('[data-snippet="JavaScript"][data-seen="true"]').waitFor();
  assert.equal(await mark("LangChain").getAttribute("data-seen"), "false");
  await call("OpenAI/Python 1.51.0");
  await page.locator('[data-snippet="LangChain"][data-seen="true"]').waitFor();
  await page.getByRole("tab", { name: "LangChain" }).click();
  await page.getByText("either turns this green").waitFor();
  assert.match(await state.innerText(), /OpenAI SDK for Python 1\.51\.0/);
  await call("Anthropic/Python <b>0.39.0</b>");
  await page.locator("[data-others]", { hasText: "Anthropic SDK for Python 0.39.0" }).waitFor();
  await page.setViewportSize({ width: 360, height: 800 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 360, "the longest name breaks on a phone");
  await shoot(page, "setup-seen");
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
  assert.deepEqual(faults, []);
  await close();
});
