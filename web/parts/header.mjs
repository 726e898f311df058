// Name, navigation, window and theme. Refuses to scroll away on wide screens only.
import { html } from "../html.mjs";
import { pageLink } from "../state/address.mjs";
import { chooseTheme, theme } from "../state/theme.mjs";
import { keysOpen } from "./keys.mjs";
import { TimePicker } from "./time-picker.mjs";

/** Pages in the order of the navigation; the number is their key. */
export const PAGES = [
  { title: "Overview", path: "/overview" },
  { title: "Live", path: "/live" },
  { title: "Requests", path: "/requests" },
  { title: "Alerts", path: "/alerts" },
  { title: "Control", path: "/control" },
  { title: "Setup", path: "/setup" },
];

const THEMES = ["system", "light", "dark"];
const THEME_WORDS = { system: "Auto", light: "Light", dark: "Dark" };
/** Pages whose figures have a window. */
const WITH_WINDOW = ["Overview", "Requests"];

/** The bar at the top. */
export function Header({ title }) {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  const current = { Request: "Requests", Alert: "Alerts" }[title] ?? title;
  return html`
    <header class="top">
      <a class="brand" href=${pageLink("/overview")}><${Mark} />flowgauge</a>
      <nav aria-label="Pages">
        ${PAGES.map((page) => html`<a href=${pageLink(page.path)} aria-current=${page.title === current ? "page" : null}>${page.title}</a>`)}
      </nav>
      ${WITH_WINDOW.includes(title) && html`<${TimePicker} />`}
      <div class="top-tools">
        <button type="button" class="quiet" aria-label=${`Theme: ${THEME_WORDS[theme.value]}, change to ${THEME_WORDS[next]}`} onClick=${() => chooseTheme(next)}>${THEME_WORDS[theme.value]}</button>
        <button type="button" class="quiet" aria-label="Keys" onClick=${() => (keysOpen.value = true)}>?</button>
      </div>
    </header>`;
}

const Mark = () => html`
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path d="M4 23a12 12 0 0 1 24 0" /><path d="M16 23l6-9" />
  </svg>`;
