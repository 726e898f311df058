// Cache: near misses are told apart from hits, by what was different and by how near they were; how old answers were.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, settled, shoot } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("near misses stand by what was different, the most frequent first, with their share", async () => {
  const { page, faults, close } = await open(browser, "/setup");
  await page.route(/\/api\/v1\/control$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    body.cache.shadow.different = { negation: 1, number: 3 };
    body.cache.shadow.near = [{ percent: 86, same: 1, different: 3 }, { percent: 91, same: 2, different: 1 }];
    await route.fulfill({ response, json: body });
  });
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Cache" }).click();
  await settled(page, "cache");
  const rows = page.getByRole("region", { name: "Near misses" }).locator("tbody tr");
  await rows.first().waitFor();
  assert.deepEqual((await rows.allInnerTexts()).map((row) => row.split(/\s+/)), [["number", "3", "75.0%"], ["negation", "1", "25.0%"]]);
  const near = page.getByRole("region", { name: "How near" }).locator("tbody tr");
  assert.deepEqual((await near.allInnerTexts()).map((row) => row.split(/\t/)), [["91 – 92 %", "2", "1"], ["86 – 87 %", "1", "3"]]);
  assert.deepEqual(faults, []);
  await close();
});

const AGES = {
  window: { from: 0, to: 60e6 }, hits: 90, read: 40, known: 38, p50_s: 40.5, p95_s: 700,
  bins: [{ from_s: 5, to_s: 15, n: 4 }, { from_s: 15, to_s: 60, n: 30 }, { from_s: 60, to_s: null, n: 4 }],
};

test("the age of answers stands as bars with its table, and says of how many hits it is", async () => {
  const { page, faults, close } = await open(browser, "/setup");
  await page.route(/\/api\/v1\/cache\/ages/, (route) => route.fulfill({ json: AGES }));
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Cache" }).click();
  await settled(page, "cache");
  const told = page.locator("[data-ages]");
  await told.waitFor();
  assert.match(await told.innerText(), /38 hits of 90, some of every part of the window · half younger than 41 s, 95 % than 11 min 40 s .*2 do not say their age/);
  assert.equal(await page.getByRole("figure", { name: "Age at hit" }).locator("rect.bar-now").count(), 3, "a bar for each bin");
  const card = page.locator("section.card", { has: page.getByRole("heading", { name: "Age at hit" }) });
  await card.getByRole("button", { name: /table/i }).click();
  const rows = await card.locator("tbody tr").allInnerTexts();
  assert.deepEqual(rows.map((row) => row.split(/\t/)), [["5 s – 15 s", "4", "10.5 %"], ["15 s – 1 min", "30", "78.9 %"], ["from 1 min on", "4", "10.5 %"]]);
  await shoot(page, "cache-ages");
  assert.deepEqual(faults, []);
  await close();
});
