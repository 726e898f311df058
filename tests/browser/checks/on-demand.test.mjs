// Single requests of a window are read at once where they are few, and by a press where they are many.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const diagnoses = (page) => {
  const asked = [];
  page.on("request", (request) => request.url().includes("/api/v1/diagnoses/") && asked.push(request.url()));
  return asked;
};

test("of few requests all are read as the page opens", async () => {
  const { page, faults, close } = await open(browser, "/setup");
  const asked = diagnoses(page);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Latency" }).click();
  await page.locator("[data-diagnosis]").first().waitFor();
  assert.equal(await page.locator("[data-on-demand]").count(), 0);
  assert.ok(asked.length > 0);
  assert.deepEqual(faults, []);
  await close();
});

test("of many none is read before somebody asks, and the answer stays with its window", async () => {
  const { page, faults, close } = await open(browser, "/setup");
  // A window of many requests, as the server would tell of it.
  await page.route(/\/api\/v1\/kpis/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const kpi of body.kpis) if (kpi.name === "request_count") Object.assign(kpi, { value: 322_000, n: 322_000 });
    await route.fulfill({ response, json: body });
  });
  const asked = diagnoses(page);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Tokens & cost" }).click();
  await settled(page, "cost");
  const button = page.getByRole("button", { name: "Look into 20,000 of 322k requests" });
  await button.waitFor();
  assert.deepEqual(asked, []);
  await button.click();
  await page.locator("[data-diagnosis]").first().waitFor();
  assert.ok(asked.length >= 3, asked.join());
  await page.getByRole("link", { name: "6 h" }).click();
  await button.waitFor();
  assert.deepEqual(faults, []);
  // An answer on its way would come to a page that is gone.
  await page.unrouteAll({ behavior: "wait" });
  await close();
});
