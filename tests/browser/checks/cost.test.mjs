// Tokens & cost: who costs how much, and that a call without a price is no free one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { URL_UNDER_TEST, launch, open, settled, shoot, until } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const table = (page) => page.getByRole("region", { name: "Cost by user", exact: true }).locator("tbody");

/** Calls of three users, of which each asks once more than the one before. */
async function users() {
  for (const [i, user] of ["ann", "bob", "carl"].entries()) {
    for (let n = 0; n <= i; n += 1) {
      const body = JSON.stringify({ model: "demo-small", user: `cost-${user}`, messages: [{ role: "user", content: "What is a whale? ".repeat(20) }] });
      await (await fetch(`${URL_UNDER_TEST}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body })).text();
    }
  }
  await until("three users", async () => {
    const told = await (await fetch(`${URL_UNDER_TEST}/api/v1/diagnoses/tokens?since=1h`)).json();
    return told.sheets.find((one) => one.title === "cost by user").rows.length >= 3;
  });
}

test("the dearest users stand first, by their hashes", async () => {
  await users();
  const { page, faults, close } = await open(browser, "/cost?since=1h");
  await settled(page, "cost");
  await table(page).locator("tr").first().waitFor();
  const costs = await table(page).locator("tr td:nth-child(3)").allInnerTexts();
  const known = costs.filter((text) => text.startsWith("$")).map((text) => Number(text.replace(/[$,]/g, "")));
  assert.ok(known.length >= 3, costs.join(" "));
  assert.deepEqual(known, [...known].sort((a, b) => b - a));
  assert.equal(await table(page).getByText("cost-ann").count(), 0, "no name");
  await shoot(page, "cost-by-user");
  assert.deepEqual(faults, []);
  await close();
});

test("calls without a price are said beside the cost, and a user of whom none is known costs an unknown sum", async () => {
  const { page, faults, close } = await open(browser, "/setup");
  await page.route("**/api/v1/diagnoses/tokens?*", async (route) => {
    const told = await (await route.fetch()).json();
    const sheet = told.sheets.find((one) => one.title === "cost by user");
    sheet.rows = [["<b>ann</b>", 12, 1.5, 0.15, 2], ["bob", 3, null, null, 3], ["carl", 4, 0.1, 0.025, 0]];
    await route.fulfill({ json: told });
  });
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Tokens & cost" }).click();
  const row = (name) => table(page).locator("tr", { hasText: name });
  await row("<b>ann</b>").getByText("2 calls without price").waitFor();
  assert.match(await row("bob").innerText(), /–\s*–\s*3 calls without price/);
  assert.match(await row("carl").innerText(), /\$0\.10\d*\s+\$0\.025\d*\s+0$/);
  assert.equal(await table(page).locator("b").count(), 0, "it is text");
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
  assert.deepEqual(faults, []);
  await close();
});
