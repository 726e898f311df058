// The address bar is the state: page, window, filters, live or paused. Refuses to keep any of it
// elsewhere, so that a copied link shows the same thing.
import { signal } from "@preact/signals";

/** Path of the page. */
export const path = signal(location.pathname);
/** Query part, parsed. */
export const params = signal(new URLSearchParams(location.search));

/** Parameters that survive a change of page. */
const SHARED = ["since", "from", "to", "time", "time.window", "where", "live", "compare", "kiosk"];

function read() {
  path.value = location.pathname;
  params.value = new URLSearchParams(location.search);
}
addEventListener("popstate", read);

/** Opens an address of this site. */
export function go(href) {
  const changesPage = new URL(href, location.href).pathname !== location.pathname;
  history.pushState(null, "", href);
  read();
  if (changesPage) {
    scrollTo(0, 0);
    document.querySelector("main")?.focus({ preventScroll: true });
  }
}

/** This address with some parameters changed; null removes one, an array repeats it. */
export function withParams(changes, ofPath = path.value) {
  const next = new URLSearchParams(params.value);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== "") next.append(name, one);
    }
  }
  return join(ofPath, next);
}

/** Changes parameters without a new history entry: typing in a filter is not a step back. */
export function replaceParams(changes) {
  history.replaceState(null, "", withParams(changes));
  read();
}

/** Link to another page that keeps window and filters, with some parameters changed. */
export function pageLink(ofPath, changes = {}) {
  const kept = new URLSearchParams();
  for (const name of SHARED) for (const value of params.value.getAll(name)) kept.append(name, value);
  for (const [name, value] of Object.entries(changes)) {
    kept.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null && one !== "") kept.append(name, one);
  }
  return join(ofPath, kept);
}

function join(ofPath, query) {
  const text = query.toString();
  return text === "" ? ofPath : `${ofPath}?${text}`;
}

/** Turns clicks on links of this site into changes of state; anything special is left to the browser. */
export function followLinks(event) {
  const link = event.target.closest?.("a[href]");
  if (link === null || link === undefined || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/api/") || link.pathname.startsWith("/assets/")) return;
  if (link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(link.pathname + link.search);
}
