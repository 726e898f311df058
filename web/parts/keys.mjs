// Keyboard shortcuts and the dialog that lists them. Refuses single keys while someone types, and
// altogether once they are switched off (speech input sends letters).
import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { html } from "../html.mjs";
import { go, pageLink, params, withParams } from "../state/address.mjs";
import { PAGES } from "../state/pages.mjs";
import { Dialog } from "./dialog.mjs";
import { recall, remember } from "../state/theme.mjs";
import { RANGES, lastOf, zoomOut } from "../state/window.mjs";
import { toClipboard } from "./copy.mjs";
import { paletteOpen } from "./palette.mjs";
import { toggleLive } from "./time-picker.mjs";

const KEPT = "flowgauge.keys";

/** Whether the dialog is open. */
export const keysOpen = signal(false);
const enabled = signal(recall(KEPT) !== "off");

const kiosk = (on) => go(withParams({ kiosk: on ? "1" : null }));

const SHORTCUTS = [
  ...PAGES.map((page) => ({ key: page.key, does: page.title, run: () => go(pageLink(page.path)) })),
  ...RANGES.map((range, i) => ({ key: String(i + 1), does: `Last ${range.title}`, run: () => go(withParams(lastOf(range.since))) })),
  { key: "p", does: "Pause or follow", run: toggleLive },
  { key: "t c", does: "Copy the window", run: () => copyWindow() },
  { key: "t v", does: "Paste a window", run: () => pasteWindow() },
  { key: "d k", does: "Kiosk: figures alone, and back", run: () => kiosk(params.value.get("kiosk") === null) },
  { key: "h", does: "This list", run: () => (keysOpen.value = true) },
  { key: "?", does: "This list", run: () => (keysOpen.value = true) },
];
/** Letters that begin a pair. */
const FIRST = new Set(SHORTCUTS.filter((one) => one.key.length === 3).map((one) => one.key[0]));
/** The second key of a pair comes within this time. */
const PAIR_MS = 1_500;
let begun = null;

/** A window as text: what t v and Grafana read. */
async function copyWindow() {
  const of = (name) => params.value.get(name);
  const since = of("since");
  await toClipboard(JSON.stringify({ from: since === null ? (of("from") ?? "now-1h") : `now-${since}`, to: since === null ? (of("to") ?? "now") : "now" }));
}

async function pasteWindow() {
  try {
    const { from, to } = JSON.parse(await navigator.clipboard.readText());
    if (typeof from === "string" && typeof to === "string") go(withParams({ from, to, since: null, time: null, "time.window": null }));
  } catch {
    // Nothing that is a window is in the clipboard, or the browser does not give it.
  }
}

/** What takes letters; a tick box takes none. */
const TYPED = "input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]";

const CHART_KEYS = [
  ["Ctrl+K", "Go to a page, a window, a request"],
  ["Ctrl+Z", "Zoom out"],
  ["← →", "Move the cursor of a chart that has the focus"],
  ["Home End", "First and last moment of the chart"],
  ["Page up, page down", "A tenth of the chart"],
  ["Esc", "Leave the chart's cursor; close a dialog"],
];

/** Whether a letter goes into a field. A closed dialog keeps the focus on its field until the next frame. */
function typesInto(target) {
  return target.closest?.(TYPED)?.checkVisibility() ?? false;
}

function onKey(event) {
  if (event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    withControl(event);
    return;
  }
  if (!enabled.value || typesInto(event.target)) return;
  // The dialog itself is asked: its close event comes a moment after it is gone.
  if (document.querySelector("dialog[open]") !== null) return;
  const key = pairOf(event.key);
  if (key === null) return;
  const shortcut = SHORTCUTS.find((one) => one.key === key);
  if (shortcut === undefined) return;
  event.preventDefault();
  shortcut.run();
}

/** Keys that no field takes; Ctrl+Z in a field undoes typing. */
function withControl(event) {
  if (event.key === "k" && document.querySelector("dialog[open]") === null) paletteOpen.value = true;
  else if (event.key === "z" && !typesInto(event.target) && document.querySelector(".picker") !== null) zoomOut();
  else return;
  event.preventDefault();
}

/** The key, the pair it ends, or null where it begins one. */
function pairOf(key) {
  const before = begun;
  begun = null;
  if (before !== null && Date.now() - before.at < PAIR_MS) {
    const pair = `${before.key} ${key}`;
    if (SHORTCUTS.some((one) => one.key === pair)) return pair;
  }
  if (!FIRST.has(key)) return key;
  begun = { key, at: Date.now() };
  return null;
}

function choose(on) {
  enabled.value = on;
  remember(KEPT, on ? null : "off");
}

/** Listener and dialog. */
export function Keys() {
  // As soon as the page stands, not after its first frame: an early key is not lost.
  useLayoutEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return html`
    <${Dialog} id="keys-title" title="Keys" open=${keysOpen.value} close=${() => (keysOpen.value = false)}>
      <dl class="keys">
        ${SHORTCUTS.map((one) => html`<div><dt><kbd>${one.key}</kbd></dt><dd>${one.does}</dd></div>`)}
        ${CHART_KEYS.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}
      </dl>
      <label class="check"><input type="checkbox" checked=${enabled.value} onChange=${(event) => choose(event.target.checked)} /> Single-key shortcuts</label>
      <form method="dialog"><button class="primary">Close</button></form>
    <//>`;
}
