// Cache: near misses are told apart from hits, by what was different.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("near misses stand by what was different, the most frequent first, with their share", async () => {
  const { page, faults, close } = await open(browser, "/setup");
  await page.route(/\/api\/v1\/control$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    body.cache.shadow.different = { negation: 1, number: 3 };
    await route.fulfill({ response, json: body });
  });
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Cache" }).click();
  await settled(page, "cache");
  const rows = page.getByRole("region", { name: "Near misses" }).locator("tbody tr");
  await rows.first().waitFor();
  assert.deepEqual((await rows.allInnerTexts()).map((row) => row.split(/\s+/)), [["number", "3", "75.0%"], ["negation", "1", "25.0%"]]);
  assert.deepEqual(faults, []);
  await close();
});
