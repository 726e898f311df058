// The pages there are: name, address, key, group of the navigation, what of the frame they use and
// where their module is. Refuses to load a page before it is looked at.

/** In the order of the navigation. `window`: figures have a time window; `key`: one press opens it. */
export const PAGES = [
  { group: "See", title: "Overview", path: "/overview", key: "o", window: true, load: () => import("../pages/overview.mjs") },
  { group: "See", title: "Live", path: "/live", key: "l", load: () => import("../pages/live.mjs") },
  { group: "See", title: "Latency", path: "/latency", key: "y", window: true, load: () => import("../pages/latency.mjs") },
  { group: "See", title: "Requests", path: "/requests", key: "r", window: true, load: () => import("../pages/requests.mjs"), detail: { title: "Request", load: () => import("../pages/request-detail.mjs") } },
  { group: "See", title: "Tokens & cost", path: "/cost", key: "m", window: true, load: () => import("../pages/cost.mjs") },
  { group: "See", title: "Quality", path: "/quality", key: "q", window: true, load: () => import("../pages/quality.mjs") },
  { group: "See", title: "Cache", path: "/cache", key: "e", window: true, load: () => import("../pages/cache.mjs") },
  { group: "Judge", title: "Regressions", path: "/regressions", key: "g", load: () => import("../pages/regressions.mjs") },
  { group: "Judge", title: "Alerts", path: "/alerts", key: "a", load: () => import("../pages/alerts.mjs"), detail: { title: "Alert", load: () => import("../pages/episode.mjs") } },
  { group: "Judge", title: "Timeline", path: "/timeline", key: "i", window: true, load: () => import("../pages/timeline.mjs") },
  { group: "Act", title: "Optimisations", path: "/control", key: "c", load: () => import("../pages/control.mjs") },
  { group: "Tell", title: "Reports", path: "/reports", key: "w", load: () => import("../pages/reports.mjs") },
  { group: "Tell", title: "SQL", path: "/sql", key: "x", load: () => import("../pages/sql.mjs") },
  { group: "Set up", title: "Settings", path: "/settings", key: ",", load: () => import("../pages/settings.mjs") },
  { group: "Set up", title: "Setup", path: "/setup", key: "s", load: () => import("../pages/setup.mjs") },
];

/** What an address shows: the page of the navigation, its title, its module and the id in the path. */
export function pageOf(at) {
  const page = PAGES.find((one) => at === one.path || (one.detail !== undefined && at.startsWith(`${one.path}/`))) ?? PAGES[0];
  if (at === page.path || page.detail === undefined || !at.startsWith(`${page.path}/`)) return { page, title: page.title, load: page.load, id: null };
  return { page, title: page.detail.title, load: page.detail.load, id: decoded(at.slice(page.path.length + 1)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
