// Light, dark or as the system says. Refuses to guess: without a choice the system decides.
import { signal } from "@preact/signals";

const KEY = "flowgauge.theme";

/** "system", "light" or "dark". */
export const theme = signal(document.documentElement.dataset.theme ?? "system");

/** Goes up whenever colours changed, so that canvases draw again. */
export const themeChanges = signal(0);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  themeChanges.value += 1;
});

/** Chooses and remembers. */
export function chooseTheme(next) {
  theme.value = next;
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  remember(KEY, next === "system" ? null : next);
  themeChanges.value += 1;
}

/** A kept choice of this browser; nothing where storage is forbidden. */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps a choice; `null` forgets it. */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Storage is forbidden: the choice lasts until the page is closed.
  }
}
