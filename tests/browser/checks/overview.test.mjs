// Overview: six tiles with n and target, a chart that is a table too.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { URL_UNDER_TEST, launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("six tiles each show a value or a reason, n, a target and a status word", async () => {
  const { page, close } = await open(browser, "/overview");
  await settled(page, "overview");
  const tiles = page.locator(".tile");
  assert.equal(await tiles.count(), 6);
  for (const tile of await tiles.all()) {
    assert.notEqual((await tile.locator(".tile-value").innerText()).trim(), "");
    assert.match(await tile.locator("[data-fact=n]").innerText(), /^n\s[\d.,kMB]+$/);
    assert.match(await tile.locator("[data-fact=target]").innerText(), /^(target [<>] .+|no target)$/);
    assert.match(await tile.locator(".status").innerText(), /^(met|off target|alert|critical|no data|no target)$/);
  }
  await close();
});

test("the chart has a table twin of at most 25 rows a page", async () => {
  const { page, close } = await open(browser, "/overview");
  await page.locator("figure.chart canvas").waitFor();
  const card = page.locator("section.card", { has: page.locator("figure.chart") });
  await card.getByRole("button", { name: "Show as table" }).click();
  const rows = card.locator(".twin-table tbody tr");
  await rows.first().waitFor();
  assert.equal(await rows.count(), 25);
  await card.getByRole("button", { name: "Next" }).click();
  await card.getByText("page 2 of 3").waitFor();
  await close();
});

test("arrow keys move the chart's cursor and the values are spoken", async () => {
  const { page, close } = await open(browser, "/overview");
  await page.locator("figure.chart canvas").waitFor();
  await page.locator(".chart-plot").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.locator("figure.chart [aria-live]", { hasText: /\d{4}-\d\d-\d\d \d\d:\d\d: P50 / }).waitFor({ state: "attached" });
  assert.match(await page.locator(".legend-time").innerText(), /\d\d:\d\d/);
  await close();
});

test("window and pause are in the address and survive a change of page", async () => {
  const { page, close } = await open(browser, "/overview");
  await page.getByRole("link", { name: "6 h" }).click();
  await page.getByRole("button", { name: "Live" }).click();
  assert.equal(new URL(page.url()).search, "?from=now-6h&to=now&live=0");
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Requests" }).click();
  await page.waitForURL(/\/requests\?from=now-6h&to=now&live=0$/);
  await page.getByRole("button", { name: "Paused" }).waitFor();
  await close();
});

test("the sentence on top is about every figure that has a target or a limit, and only what is shown is asked for", async () => {
  const catalogue = await (await fetch(`${URL_UNDER_TEST}/api/v1/catalogue`)).json();
  const judged = catalogue.filter((kpi) => [kpi.target, kpi.warning, kpi.critical].some((limit) => limit !== null)).map((kpi) => kpi.name);
  const page = await browser.newPage();
  const asked = page.waitForRequest((request) => request.url().includes("/api/v1/kpis"));
  await page.goto(`${URL_UNDER_TEST}/overview`);
  const names = new URL((await asked).url()).searchParams.get("kpi").split(",");
  assert.deepEqual(judged.filter((name) => !names.includes(name)), []);
  assert.ok(names.length < catalogue.length && !names.includes("concurrent_users"), names.join());
  await page.close();
});
