// Requests: the list, its filters, and one call in detail.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DEADLINE_MS, URL_UNDER_TEST, launch, open } from "./browser.mjs";
import { sendCall } from "./send-call.mjs";

let browser;
before(async () => {
  browser = await launch();
  await sendCall(URL_UNDER_TEST);
});
after(() => browser.close());

test("a call opens into a detail with waterfall, sums and the source of every figure", async () => {
  const { page, faults, close } = await open(browser, "/requests?where=model%3Dbrowser-check");
  await page.locator("table.requests tbody a").first().click();
  await page.waitForURL(/\/requests\/[0-9a-f-]+/);
  await page.locator("table.waterfall [data-part=total]").waitFor();
  assert.ok((await page.locator("table.sums .sum").count()) === 2);
  assert.deepEqual(await page.locator("table.sums .sum td").allInnerTexts(), ["1,200", "80"]);
  const sourced = page.locator("[data-sourced]");
  assert.equal(await sourced.count(), 6);
  for (const figure of await sourced.all()) assert.notEqual((await figure.locator(".figure-facts").innerText()).trim(), "");
  const numbers = page.getByRole("region", { name: "Where each number comes from" });
  assert.match(await numbers.getByRole("row", { name: /^latency_us/ }).innerText(), /812000\s+span times/);
  assert.match(await numbers.getByRole("row", { name: /^cost_nanos/ }).innerText(), /flowgauge prices set browser-check/);
  assert.deepEqual(faults, []);
  await close();
});

test("a call shows the calls that were made for it", async () => {
  const outer = await sendCall(URL_UNDER_TEST, "related-outer");
  await sendCall(URL_UNDER_TEST, "related-inner", outer);
  const rows = (await (await fetch(`${URL_UNDER_TEST}/api/v1/requests?trace_id=${outer.traceId}`)).json()).items;
  assert.equal(rows.length, 2);
  const { page, faults, close } = await open(browser, `/requests/${rows.find((row) => row.span_id === outer.spanId).call_id}`);
  const made = page.getByRole("region", { name: "Calls made for it" });
  assert.match(await made.locator("tbody tr").innerText(), /related-inner/);
  assert.equal(await page.getByRole("region", { name: "The same call, seen by" }).count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

test("a call is there as curl, and its record is what that command gets", async () => {
  const { page, faults, close } = await open(browser, "/requests");
  await page.locator("table.requests tbody a").first().click();
  const code = page.getByLabel("This record as curl");
  await code.waitFor();
  const [, address] = /^curl '(.+)'$/.exec(await code.innerText());
  const record = await (await fetch(address)).json();
  assert.ok(page.url().includes(record.call_id));
  assert.deepEqual(faults, []);
  await close();
});

test("filters are in the address and can be taken away", async () => {
  const { page, close } = await open(browser, "/requests");
  await page.getByLabel("Model").locator("option", { hasText: "browser-check" }).waitFor({ state: "attached", timeout: DEADLINE_MS });
  await page.getByLabel("Model").selectOption("browser-check");
  await page.waitForURL(/where=model%3Dbrowser-check/);
  await page.getByRole("link", { name: "Remove filter model=browser-check" }).click();
  await page.waitForURL((url) => !url.search.includes("where"));
  await page.getByLabel("Status").selectOption("refused");
  await page.waitForURL(/status=refused/);
  await close();
});

test("an id that does not exist says so in the server's words", async () => {
  const { page, close } = await open(browser, "/requests/0199c0de-0000-7000-8000-000000000000");
  const note = page.getByRole("alert");
  await note.waitFor();
  assert.notEqual((await note.innerText()).trim(), "");
  await close();
});
