// Settings: where requests go and where keys come from, never a key.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { launch, open, settled, shoot } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

for (const [theme, width] of [["light", 1280], ["dark", 360]]) {
  test(`providers stand on Settings as they are configured, and say how a key is set, in ${theme}`, async () => {
    const { page, faults, close } = await open(browser, "/settings", { theme, width });
    await settled(page, "settings");
    const card = page.locator("section.card", { has: page.getByRole("heading", { name: "Providers", exact: true }) });
    await card.getByText("Keys are write-only").waitFor();
    await card.getByText("api_key: env:OPENAI_API_KEY").waitFor();
    await shoot(page, `settings-providers-${theme}`);
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the window");
    assert.deepEqual(faults, []);
    await close();
  });
}

for (const width of [1280, 360]) test(`a key's place, its state and why it is not there are shown as text at ${width} px`, async () => {
  const { page, faults, close } = await open(browser, "/settings", { width });
  const key = (reference, state, why = null) => ({ from: "configured", reference, state, why });
  const one = (name, of) => ({ name, kind: "provider", base_url: "https://api.example/v1", protocol: "by_path", prefix: null, key: of });
  const told = {
    providers: [one("<b>openai</b>", key("env:OPENAI_API_KEY", "in_use")), one("spare", key("file:/run/secrets/spare", "missing", "the file cannot be read: entity not found")), one("local", { from: "caller", reference: null, state: null, why: null })],
    resting_models: ["model-<i>x</i>"],
  };
  await page.route("**/api/v1/providers", (route) => route.fulfill({ json: told }));
  await page.reload();
  const table = page.getByRole("region", { name: "Providers" }).locator("tbody");
  await table.locator("tr", { hasText: "<b>openai</b>" }).getByText("in use").waitFor();
  await table.locator("tr", { hasText: "spare" }).getByText("the file cannot be read: entity not found; the next start would be refused").waitFor();
  await table.locator("tr", { hasText: "local" }).getByText("the caller's is passed on").waitFor();
  await page.getByText("model-<i>x</i>").waitFor();
  assert.equal(await table.locator("b").count(), 0, "it is text");
  await shoot(page, `settings-keys-${width}`);
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
  assert.deepEqual(faults, []);
  await close();
});
