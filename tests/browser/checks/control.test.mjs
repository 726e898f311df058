// Optimisations: rolling back in a few presses, seeing it, and taking it back.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Presses a button, says why and who, and waits for the dialog to close. */
async function say(page, opener, doer) {
  await page.getByRole("button", { name: opener }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Why" }).fill("a check");
  await dialog.getByRole("textbox", { name: "Your name" }).fill("Ann");
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => v.id), []);
  await dialog.getByRole("button", { name: doer, exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
}

test("all four are rolled back on a phone in three presses, and the switch is lifted again", async () => {
  const { page, faults, close } = await open(browser, "/control", { width: 360 });
  await settled(page, "control");
  const killed = async () => (await (await page.request.get(new URL("/api/v1/control", page.url()).href)).json()).kill_all;
  assert.equal(await killed(), false);
  await say(page, "Roll back all…", "Roll back");
  await page.locator('[data-standing="warning"]').getByText("Rolled back: all four are off").waitFor();
  assert.equal(await killed(), true);
  await page.locator("[data-change]").first().getByText(/by Ann: a check/).waitFor();
  await say(page, "Lift the switch…", "Lift");
  await page.locator('[data-standing="muted"]').waitFor();
  assert.equal(await killed(), false);
  assert.deepEqual(faults, []);
  await close();
});

test("nothing is rolled back without a reason", async () => {
  const { page, close } = await open(browser, "/control");
  await settled(page, "control");
  await page.getByRole("button", { name: "Roll back all…" }).click();
  const dialog = page.getByRole("dialog", { name: "Roll back all optimisations" });
  await dialog.getByRole("button", { name: "Roll back", exact: true }).click();
  assert.equal(await dialog.getByRole("textbox", { name: "Why" }).evaluate((field) => field.validity.valueMissing), true);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "hidden" });
  await page.locator('[data-standing="muted"]').waitFor();
  await close();
});
