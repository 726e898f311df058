// What every page has: navigation, palette, keys, filters, export, kiosk, a copied window, and being cut off.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { PAGES, URL_UNDER_TEST, launch, open, settled, until } from "./browser.mjs";
import { sendCall } from "./send-call.mjs";

let browser;
before(async () => {
  browser = await launch();
  await sendCall(URL_UNDER_TEST, "frame-check");
});
after(() => browser.close());

test("all pages are in the navigation, and on a phone behind one button", async () => {
  const { page, faults, close } = await open(browser, "/setup", { width: 360 });
  const links = page.getByRole("navigation", { name: "Pages" }).getByRole("link");
  assert.equal(await links.count(), 0);
  await page.getByRole("button", { name: /^Menu/ }).click();
  assert.equal(await links.count(), PAGES.length);
  await links.getByText("Alerts").click();
  await page.waitForURL(/\/alerts/);
  assert.equal(await links.count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

test("Ctrl+K finds pages, windows and a request by its id, with the keyboard alone", async () => {
  const { page, faults, close } = await open(browser, "/overview?live=0");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /request id/ }).fill("tokens");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/cost/);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /request id/ }).fill("last 6");
  await page.keyboard.press("Enter");
  await page.waitForURL(/from=now-6h/);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /request id/ }).fill("e");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.locator("[role=option][aria-selected=true]").count(), 1);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.deepEqual(faults, []);
  await close();
});

test("t c and t v carry a window to another page, d k shows the figures alone and back", async () => {
  const { page, close } = await open(browser, "/overview?from=now-24h&to=now&live=0");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.keyboard.press("t");
  await page.keyboard.press("c");
  await until("the window is on the clipboard", () => page.evaluate(async () => (await navigator.clipboard.readText()).includes("now-24h")));
  await page.keyboard.press("1");
  await page.waitForURL(/from=now-15m/);
  await page.keyboard.press("t");
  await page.keyboard.press("v");
  await page.waitForURL(/from=now-24h/);
  await page.keyboard.press("d");
  await page.keyboard.press("k");
  await page.waitForURL(/kiosk=1/);
  await page.locator(".side").waitFor({ state: "hidden" });
  await page.keyboard.press("d");
  await page.keyboard.press("k");
  await page.locator(".side").waitFor();
  await close();
});

test("a filter of any dimension narrows the page and survives a change of page", async () => {
  const { page, faults, close } = await open(browser, "/cost?live=0");
  await page.getByRole("button", { name: "Filter" }).click();
  const form = page.getByRole("form", { name: "Filter by" });
  for (const title of ["Route", "Model", "Provider", "Intent", "App", "Environment", "Version"]) await form.getByLabel(title, { exact: true }).waitFor();
  await form.getByLabel("Model", { exact: true }).selectOption("frame-check");
  await page.waitForURL(/where=model%3Dframe-check/);
  await page.keyboard.press("Escape");
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Latency" }).click();
  await page.waitForURL(/\/latency.*where=model%3Dframe-check/);
  await page.getByRole("link", { name: "Remove filter model=frame-check" }).click();
  await page.waitForURL((url) => !url.search.includes("where"));
  assert.deepEqual(faults, []);
  await close();
});

test("what is on screen is taken away as CSV and JSON", async () => {
  const { page, faults, close } = await open(browser, "/latency?live=0");
  await settled(page, "latency");
  await page.locator('[data-chart="Latency over time"] canvas').waitFor();
  await page.getByRole("button", { name: "Export" }).click();
  const [csv] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV of Latency over time" }).click()]);
  const lines = (await readFile(await csv.path(), "utf8")).trim().split("\r\n");
  assert.equal(lines[0], "time,P50 (ms),P95 (ms),P99 (ms),mean (ms),n");
  assert.ok(lines.length > 30, `${lines.length} lines`);
  const [json] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "JSON of Latency over time" }).click()]);
  const { rows, address } = JSON.parse(await readFile(await json.path(), "utf8"));
  assert.equal(rows.length, lines.length - 1);
  assert.equal(address, page.url());
  assert.deepEqual(faults, []);
  await close();
});

test("cut off, the page says so and keeps what it has; back, it goes on by itself", async () => {
  const { page, close } = await open(browser, "/overview");
  await settled(page, "overview");
  await page.context().setOffline(true);
  await page.getByRole("alert").getByText("flowgauge does not answer").first().waitFor();
  assert.ok((await page.locator(".tile[data-kpi]").count()) === 6);
  await page.context().setOffline(false);
  await page.getByRole("alert").first().waitFor({ state: "detached" });
  await close();
});

test("the cursor goes along in every chart of a page", async () => {
  const { page, close } = await open(browser, "/latency?live=0");
  await page.locator("figure.chart canvas").nth(2).waitFor();
  await page.locator(".chart-plot").first().focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  const times = page.locator(".legend-time");
  await page.waitForFunction(() => [...document.querySelectorAll(".legend-time")].slice(0, 3).every((one) => /\d\d:\d\d/.test(one.textContent)));
  const shown = await times.allInnerTexts();
  assert.equal(new Set(shown.slice(0, 3)).size, 1);
  await close();
});
