// The bar above a page: window, comparison, filters, and what one takes away: link, data, theme, keys.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { go, withParams } from "../state/address.mjs";
import { chooseTheme, theme } from "../state/theme.mjs";
import { COMPARE, comparedWith } from "../state/window.mjs";
import { toClipboard } from "./copy.mjs";
import { FilterBar } from "./filter-bar.mjs";
import { Icon } from "./icon.mjs";
import { keysOpen } from "./keys.mjs";
import { TakeAway } from "./take-away.mjs";
import { TimePicker } from "./time-picker.mjs";

const THEMES = ["system", "light", "dark"];
const THEME_WORDS = { system: "Auto", light: "Light", dark: "Dark" };
/** How long the button says what happened. */
const SAY_MS = 1_600;

/** The bar; window, comparison and filters only where a page has them. */
export function Header({ page, isDetail }) {
  const withWindow = page.window === true && !isDetail;
  return html`
    <section class="top" aria-label="Window and tools">
      ${withWindow && html`<${TimePicker} /><${Compare} /><${FilterBar} />`}
      <${Tools} />
    </section>`;
}

function Compare() {
  return html`
    <label class="compare"><span class="visually-hidden">Compare with</span>
      <select value=${comparedWith() ?? ""} onChange=${(event) => go(withParams({ compare: event.target.value }))}>
        <option value="">compare with…</option>
        ${Object.entries(COMPARE).map(([word, title]) => html`<option key=${word} value=${word}>${title}</option>`)}
      </select>
    </label>`;
}

function Tools() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  return html`
    <div class="top-tools">
      <${CopyLink} />
      <${TakeAway} />
      <button type="button" class="quiet" aria-label=${`Theme: ${THEME_WORDS[theme.value]}, change to ${THEME_WORDS[next]}`} onClick=${() => chooseTheme(next)}>${THEME_WORDS[theme.value]}</button>
      <button type="button" class="quiet" aria-label="Keys" onClick=${() => (keysOpen.value = true)}>?</button>
    </div>`;
}

function CopyLink() {
  const [said, setSaid] = useState(null);
  const copy = async () => {
    setSaid((await toClipboard(location.href)) ? "Copied" : "Copy it from the address bar");
    setTimeout(() => setSaid(null), SAY_MS);
  };
  return html`<button type="button" class="quiet" onClick=${copy}><${Icon} name=${said === "Copied" ? "good" : "copy"} /><span aria-live="polite">${said ?? "Copy link"}</span></button>`;
}
