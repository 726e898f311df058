// Empty states, against the stand-in: a program under test may have data.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { fixture } from "../fixture/server.mjs";
import { PAGES, launch, open, settled, shoot } from "./browser.mjs";

let browser;
let server;
let base;
before(async () => {
  browser = await launch();
  server = fixture({ empty: true });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  base = `http://127.0.0.1:${server.address().port}`;
});
after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
});

/** Pages that tell another way out than connecting an application. */
const EMPTY = {
  alerts: "Name rule files under", quality: "No answer was scored in this window", cache: "Caching is off", regressions: "No baseline yet", timeline: "Nothing happened in this window",
  reports: "Nothing has been made yet", sql: "Nothing was run yet", settings: "No key was made",
};

for (const name of PAGES) {
  test(`${name} without data says what to do and has no barrier`, async () => {
    const { page, faults, close } = await open(browser, `/${name}`, { base });
    await settled(page, name);
    if (name === "setup") await page.getByText("Waiting for the first call").waitFor();
    else if (name === "control") await page.getByText("All four are off. Nothing is touched.").waitFor();
    else if (EMPTY[name] !== undefined) await page.getByText(EMPTY[name]).first().waitFor();
    else await page.getByRole("link", { name: "Set up an application" }).waitFor();
    await shoot(page, `empty-${name}`);
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`), []);
    assert.deepEqual(faults, []);
    await close();
  });
}
