// Every page in both themes on a desk and a phone: no fault, no barrier, nothing cut off.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { PAGES, launch, open, settled, shoot } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const summary = (violations) => violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(" | ")}`);

for (const name of PAGES) {
  for (const theme of ["light", "dark"]) {
    for (const width of [1280, 360]) {
      test(`${name} in ${theme} at ${width} px loads clean and has no barrier`, async () => {
        const { page, faults, close } = await open(browser, `/${name}`, { theme, width });
        await settled(page, name);
        await shoot(page, `${name}-${theme}-${width}`);
        const { violations } = await new AxeBuilder({ page }).analyze();
        assert.deepEqual(summary(violations), []);
        const widest = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(widest <= width, `the page is ${widest} px wide`);
        assert.deepEqual(faults, []);
        await close();
      });
    }
  }
}

test("the theme can be chosen and is remembered", async () => {
  const { page, faults, close } = await open(browser, "/setup", { theme: "light" });
  const background = () => page.evaluate(() => getComputedStyle(document.body.parentElement).backgroundColor);
  const light = await background();
  const button = page.getByRole("button", { name: /^Theme/ });
  await button.click();
  await button.click();
  const dark = await background();
  assert.notEqual(dark, light);
  await page.reload();
  await page.locator("main h1").first().waitFor();
  assert.equal(await background(), dark);
  assert.deepEqual(faults, []);
  await close();
});

test("shell and modules carry the headers that keep others out", async () => {
  const { page, close } = await open(browser, "/overview");
  const headers = (await page.request.get(page.url())).headers();
  assert.match(headers["content-security-policy"], /^default-src 'none'; script-src 'self' 'sha256-[A-Za-z0-9+/=]+'; style-src 'self';/);
  assert.match(headers["cache-control"], /no-store/);
  await close();
});
