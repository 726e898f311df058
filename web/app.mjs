// Starts the page: frame, navigation and the page of the address. Refuses to know what pages show.
import { render } from "preact";
import { html } from "./html.mjs";
import { followLinks, path } from "./state/address.mjs";
import { Header } from "./parts/header.mjs";
import { Keys } from "./parts/keys.mjs";
import { Alerts } from "./pages/alerts.mjs";
import { Control } from "./pages/control.mjs";
import { Episode } from "./pages/episode.mjs";
import { Live } from "./pages/live.mjs";
import { Overview } from "./pages/overview.mjs";
import { RequestDetail } from "./pages/request-detail.mjs";
import { Requests } from "./pages/requests.mjs";
import { Setup } from "./pages/setup.mjs";

const DETAIL = "/requests/";
const EPISODE = "/alerts/";

/** The page of a path. */
function pageOf(at) {
  if (at.startsWith(DETAIL)) return { title: "Request", view: html`<${RequestDetail} id=${decodeURIComponent(at.slice(DETAIL.length))} />` };
  if (at.startsWith(EPISODE)) return { title: "Alert", view: html`<${Episode} id=${decodeURIComponent(at.slice(EPISODE.length))} />` };
  switch (at) {
    case "/live": return { title: "Live", view: html`<${Live} />` };
    case "/requests": return { title: "Requests", view: html`<${Requests} />` };
    case "/alerts": return { title: "Alerts", view: html`<${Alerts} />` };
    case "/control": return { title: "Control", view: html`<${Control} />` };
    case "/setup": return { title: "Setup", view: html`<${Setup} />` };
    default: return { title: "Overview", view: html`<${Overview} />` };
  }
}

function App() {
  const { title, view } = pageOf(path.value);
  document.title = `${title} · flowgauge`;
  return html`
    <a class="skip" href="#main">Skip to content</a>
    <${Header} title=${title} />
    <main id="main" tabindex="-1" key=${title}>${view}</main>
    <${Keys} />`;
}

addEventListener("click", followLinks);
render(html`<${App} />`, document.getElementById("app"));
