// Keyboard shortcuts and the dialog that lists them. Refuses single keys while someone types, and
// altogether once they are switched off (speech input sends letters).
import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { html } from "../html.mjs";
import { go, pageLink, withParams } from "../state/address.mjs";
import { Dialog } from "./dialog.mjs";
import { recall, remember } from "../state/theme.mjs";
import { RANGES } from "../state/window.mjs";
import { toggleLive } from "./time-picker.mjs";

const KEPT = "flowgauge.keys";

/** Whether the dialog is open. */
export const keysOpen = signal(false);
const enabled = signal(recall(KEPT) !== "off");

const SHORTCUTS = [
  { key: "o", does: "Overview", run: () => go(pageLink("/overview")) },
  { key: "l", does: "Live", run: () => go(pageLink("/live")) },
  { key: "r", does: "Requests", run: () => go(pageLink("/requests")) },
  { key: "a", does: "Alerts", run: () => go(pageLink("/alerts")) },
  { key: "c", does: "Control", run: () => go(pageLink("/control")) },
  { key: "s", does: "Setup", run: () => go(pageLink("/setup")) },
  ...RANGES.map((range, i) => ({ key: String(i + 1), does: `Last ${range.title}`, run: () => go(withParams({ since: range.since, from: null, to: null })) })),
  { key: "p", does: "Pause or follow", run: toggleLive },
  { key: "?", does: "This list", run: () => (keysOpen.value = true) },
];

/** What takes letters; a tick box takes none. */
const TYPED = "input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]";

const CHART_KEYS = [
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
  if (!enabled.value || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typesInto(event.target)) return;
  // The dialog itself is asked: its close event comes a moment after it is gone.
  if (document.querySelector("dialog[open]") !== null) return;
  const shortcut = SHORTCUTS.find((one) => one.key === event.key);
  if (shortcut === undefined) return;
  event.preventDefault();
  shortcut.run();
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
