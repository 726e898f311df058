// The keyboard alone: focus is seen, everything is reached, keys are listed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PAGES, launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Tab stops looked at on a page. */
const STOPS = 25;

for (const name of PAGES) {
  test(`${name}: each tab stop is seen to have the focus`, async () => {
    const { page, close } = await open(browser, `/${name}?live=0`);
    await settled(page, name);
    for (let i = 0; i < STOPS; i += 1) {
      await page.keyboard.press("Tab");
      const focus = await page.evaluate(() => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        return { name: element.outerHTML.slice(0, 80), body: element === document.body, width: Number.parseFloat(style.outlineWidth), style: style.outlineStyle };
      });
      if (focus.body) break;
      assert.ok(focus.style !== "none" && focus.width >= 2, `no outline: ${focus.name}`);
    }
    await close();
  });
}

test("? lists the keys, a key changes the page, and single keys can be switched off", async () => {
  const { page, faults, close } = await open(browser, "/overview");
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.keyboard.press("s");
  await page.waitForURL(/\/setup/);
  await page.keyboard.press("?");
  await page.getByLabel("Single-key shortcuts").uncheck();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.keyboard.press("o");
  assert.match(page.url(), /\/setup/);
  assert.deepEqual(faults, []);
  await close();
});

test("a key pressed in the moment a dialog closes is not lost to the field that had the focus", async () => {
  const { page, close } = await open(browser, "/alerts");
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.evaluate(() => {
    const dialog = document.querySelector("dialog[open]");
    const field = dialog.querySelector("input");
    field.focus();
    dialog.close();
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "s", bubbles: true }));
  });
  await page.waitForURL(/\/setup/);
  await close();
});

test("a key pressed on a tick box is a shortcut, in a text field it is a letter", async () => {
  const { page, close } = await open(browser, "/alerts?live=0");
  await page.evaluate(() => {
    for (const type of ["text", "checkbox"]) {
      const field = document.createElement("input");
      field.type = type;
      field.id = `probe-${type}`;
      document.querySelector("main").append(field);
    }
  });
  await page.locator("#probe-text").press("s");
  assert.match(page.url(), /\/alerts/);
  await page.locator("#probe-checkbox").press("s");
  await page.waitForURL(/\/setup/);
  await close();
});
