// Live and Setup: what happens when a call arrives.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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
