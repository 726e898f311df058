// Starts the page: frame, navigation and the page of the address. Refuses to know what pages show.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.mjs";
import { followLinks, params, path } from "./state/address.mjs";
import { pageOf } from "./state/pages.mjs";
import { lookWho, session } from "./state/session.mjs";
import { Header } from "./parts/header.mjs";
import { Keys } from "./parts/keys.mjs";
import { Login } from "./parts/login.mjs";
import { Navigation } from "./parts/navigation.mjs";
import { Failure } from "./parts/note.mjs";
import { Palette } from "./parts/palette.mjs";

function App() {
  const { page, title, load, id } = pageOf(path.value);
  document.title = `${title} · flowgauge`;
  document.documentElement.toggleAttribute("data-kiosk", params.value.get("kiosk") !== null);
  if (session.value.required) return html`<${Login} />`;
  return html`
    <a class="skip" href="#main">Skip to content</a>
    <${Navigation} current=${page} />
    <div class="body">
      <${Header} page=${page} isDetail=${id !== null} />
      <main id="main" tabindex="-1" key=${title}>
        <${Lazy} load=${load} title=${title} id=${id} />
      </main>
    </div>
    <${Keys} />
    <${Palette} />`;
}

/** Pages that were loaded. */
const loaded = new Map();

/** A page, once its module is there. Its view is the one function it exports. */
function Lazy({ load, title, id }) {
  const [, again] = useState(0);
  const [failed, setFailed] = useState(null);
  useEffect(() => {
    if (loaded.has(title)) return;
    load().then(
      (module) => {
        loaded.set(title, Object.values(module).find((one) => typeof one === "function"));
        again((n) => n + 1);
      },
      () => setFailed("This page could not be loaded. flowgauge may have been renewed or stopped: reload this tab."),
    );
  }, [title]);
  const View = loaded.get(title);
  if (failed !== null) return html`<h1>${title}</h1><${Failure} error=${failed} />`;
  return View === undefined ? null : html`<${View} id=${id} />`;
}

addEventListener("click", followLinks);
// On its way while the server says who asks; one that cannot be loaded is told by the page.
pageOf(path.value).load().catch(() => null);
await lookWho();
render(html`<${App} />`, document.getElementById("app"));
