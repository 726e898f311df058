// Ctrl+K: goes anywhere by typing. A page, a window, an action, or a call by its id.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { go, pageLink, withParams } from "../state/address.mjs";
import { PAGES } from "../state/pages.mjs";
import { logOut, session } from "../state/session.mjs";
import { chooseTheme } from "../state/theme.mjs";
import { COMPARE, RANGES, lastOf, zoomOut } from "../state/window.mjs";
import { Dialog } from "./dialog.mjs";
import { keysOpen } from "./keys.mjs";
import { toggleLive } from "./time-picker.mjs";

/** Whether it is open. */
export const paletteOpen = signal(false);
/** As many as one reads. */
const MOST = 9;

const CHOICES = [
  ...PAGES.map((page) => ({ title: page.title, hint: "page", run: () => go(pageLink(page.path)) })),
  ...RANGES.map((range) => ({ title: `Last ${range.title}`, hint: "window", run: () => go(withParams(lastOf(range.since))) })),
  { title: "Today", hint: "window", run: () => go(withParams({ ...lastOf("1d"), from: "now/d", to: "now" })) },
  { title: "Zoom out", hint: "window", run: zoomOut },
  ...Object.entries(COMPARE).map(([word, title]) => ({ title: `Compare with ${title}`, hint: "figures", run: () => go(withParams({ compare: word })) })),
  { title: "Compare with nothing", hint: "figures", run: () => go(withParams({ compare: null })) },
  { title: "Remove all filters", hint: "figures", run: () => go(withParams({ where: null })) },
  { title: "Pause or follow", hint: "figures", run: toggleLive },
  { title: "Roll back", hint: "action", run: () => go(pageLink("/control")) },
  { title: "Log out", hint: "access", run: logOut, when: () => session.value?.by === "session" },
  { title: "Light theme", hint: "look", run: () => chooseTheme("light") },
  { title: "Dark theme", hint: "look", run: () => chooseTheme("dark") },
  { title: "Theme of the system", hint: "look", run: () => chooseTheme("system") },
  { title: "Keys", hint: "help", run: () => (keysOpen.value = true) },
];

/** What fits a text; an id of a call or a trace is an address of its own. */
export function matching(text) {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const found = CHOICES.filter((one) => (one.when?.() ?? true) && words.every((word) => `${one.title} ${one.hint}`.toLowerCase().includes(word)));
  const id = text.trim();
  if (/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(id)) found.unshift({ title: `Request ${id}`, hint: "call", run: () => go(pageLink(`/requests/${encodeURIComponent(id)}`)) });
  return found.slice(0, MOST);
}

/** The dialog. */
export const Palette = () => html`
  <${Dialog} id="palette-title" title="Go to" open=${paletteOpen.value} close=${() => (paletteOpen.value = false)}><${Choose} /><//>`;

function Choose() {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const found = matching(text);
  const take = (one) => {
    paletteOpen.value = false;
    // At once, not after the next frame: the dialog gives the focus back, and a key pressed now is not lost.
    document.querySelector("dialog[open]")?.close();
    setTimeout(one.run, 0);
  };
  const onKey = (event) => {
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to !== undefined && found.length > 0) {
      event.preventDefault();
      setAt((to + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (found[at] !== undefined) take(found[at]);
    }
  };
  return html`
    <div class="palette">
      <input role="combobox" aria-label="Page, window, action or request id" aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${found[at] === undefined ? null : `palette-${at}`}
        autocomplete="off" autofocus value=${text} onKeyDown=${onKey} onInput=${(event) => { setText(event.target.value); setAt(0); }} />
      <ul role="listbox" id="palette-list" aria-label="Found">
        ${found.map((one, i) => html`<li role="option" id=${`palette-${i}`} key=${one.title} aria-selected=${i === at} onClick=${() => take(one)}>${one.title}<span class="muted">${one.hint}</span></li>`)}
      </ul>
      ${found.length === 0 && html`<p class="muted" role="status">Nothing is called that.</p>`}
    </div>`;
}
