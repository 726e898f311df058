// Alerts against the stand-in: what fires, silencing it, acknowledging it, an episode's page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { EPISODE } from "../fixture/alerts.mjs";
import { fixture } from "../fixture/server.mjs";
import { launch, open, settled, shoot } from "./browser.mjs";

let browser;
let server;
let base;
before(async () => {
  browser = await launch();
  server = fixture({ empty: false });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  base = `http://127.0.0.1:${server.address().port}`;
});
after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
});

const clean = async (page, faults) => {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
  assert.deepEqual(faults, []);
};

for (const theme of ["light", "dark"]) {
  test(`alerts are shown by weight with their figures in ${theme}`, async () => {
    const { page, faults, close } = await open(browser, "/alerts", { base, theme });
    await settled(page, "alerts");
    const shown = await page.locator("[data-alert]").evaluateAll((all) => all.map((one) => one.dataset.alert));
    assert.deepEqual(shown, ["p95_latency_critical", "cache_hit_rate_warning", "error_rate_critical"]);
    await page.getByText("2612ms, threshold 2500ms").first().waitFor();
    await page.getByText("fires in 1 min 10 s").waitFor();
    await page.locator('[data-rule="cost_budget_warning"]').getByText("needs budget").waitFor();
    await page.locator('[data-channel="email"]').getByText("no address").waitFor();
    await page.locator("[data-external]").getByText("disk is full").waitFor();
    await shoot(page, `alerts-full-${theme}`);
    await clean(page, faults);
    await close();
  });
}

test("a silence is made from an alert after it says what it would have hidden", async () => {
  const { page, faults, close } = await open(browser, "/alerts", { base });
  await settled(page, "alerts");
  await page.locator('[data-alert="p95_latency_critical"]').getByRole("button", { name: "Silence…" }).click();
  const dialog = page.getByRole("dialog", { name: "Silence alerts" });
  assert.equal(await dialog.getByRole("textbox", { name: /^What/ }).inputValue(), 'alertname="p95_latency_critical"\nmodel="gpt-4o"');
  await dialog.getByText("Would have hidden 3 of the last 7 days; 1 open now.").waitFor();
  await clean(page, faults);
  const asked = page.waitForRequest((request) => request.method() === "POST");
  await dialog.getByRole("textbox", { name: "Why" }).fill("known");
  await dialog.getByRole("button", { name: "Silence", exact: true }).click();
  const body = (await asked).postDataJSON();
  assert.deepEqual(body, { match: ['alertname="p95_latency_critical"', 'model="gpt-4o"'], for: "2h", comment: "known", created_by: "" });
  await dialog.waitFor({ state: "hidden" });
  await close();
});

test("an alert is acknowledged and its episode tells what moved and what was told", async () => {
  const { page, faults, close } = await open(browser, "/alerts", { base });
  await settled(page, "alerts");
  const alert = page.locator('[data-alert="p95_latency_critical"]');
  const asked = page.waitForRequest((request) => request.method() === "POST");
  await alert.getByRole("button", { name: "Acknowledge" }).click();
  assert.ok((await asked).url().endsWith(`/api/v1/alerts/episodes/${EPISODE}/ack`));
  await alert.getByText("Acknowledged", { exact: true }).waitFor();
  await alert.getByRole("link", { name: "History" }).click();
  await page.getByRole("heading", { name: "What moved" }).waitFor();
  await page.getByText("true for 5m").waitFor();
  await page.getByText("P95 latency critically high: 2612ms").waitFor();
  await clean(page, faults);
  await close();
});
