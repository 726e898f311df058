// A text with a button that copies it. Refuses to hide the text: it can be selected as well.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { Icon } from "./icon.mjs";

/** How long the button says what happened. */
const SAY_MS = 1_600;

/** Code with a copy button. */
export function Snippet({ label, code }) {
  const [said, setSaid] = useState(null);
  const copy = async () => {
    setSaid((await toClipboard(code)) ? "Copied" : "Select and copy by hand");
    setTimeout(() => setSaid(null), SAY_MS);
  };
  return html`
    <div class="snippet">
      <pre tabindex="0" aria-label=${label}><code>${code}</code></pre>
      <button type="button" onClick=${copy}><${Icon} name=${said === "Copied" ? "good" : "copy"} /><span aria-live="polite">${said ?? "Copy"}</span></button>
    </div>`;
}

/** Browsers offer the clipboard only over HTTPS and on this machine. */
export async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
