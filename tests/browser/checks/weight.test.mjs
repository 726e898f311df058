// How much a page weighs: everything it loads from this server before compression, answers of the API aside.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PAGES, launch, open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Bytes before compression; a page on a slow phone line is there within seconds. */
const MOST = 250_000;

for (const name of PAGES) {
  test(`${name} weighs at most 250 kB`, async (t) => {
    const { page, close } = await open(browser, `/${name}?live=0`);
    await settled(page, name);
    const paths = await page.evaluate(() => [location.href, ...performance.getEntriesByType("resource").map((one) => one.name)]);
    const files = [...new Set(paths)].filter((path) => !new URL(path).pathname.startsWith("/api/"));
    const sizes = await Promise.all(files.map(async (path) => (await (await page.request.get(path)).body()).length));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    t.diagnostic(`${total} bytes in ${files.length} files`);
    assert.ok(total <= MOST, `${name} loads ${total} bytes`);
    await close();
  });
}
