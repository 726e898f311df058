// Chooses the window, and live or paused. Refuses to keep the choice: it is in the address.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { go, params, withParams } from "../state/address.mjs";
import { RANGES, chosen, isLive } from "../state/window.mjs";
import { Icon } from "./icon.mjs";

/** The picker of pages that have a window. */
export function TimePicker() {
  const window = chosen();
  const live = isLive();
  return html`
    <div class="picker" role="group" aria-label="Time window">
      <div class="segments">
        ${RANGES.map((range) => html`
          <a href=${withParams({ since: range.since, from: null, to: null })} aria-current=${window.since === range.since ? "true" : null}>${range.title}</a>`)}
        <${FreeWindow} window=${window} />
      </div>
      ${window.since !== null && html`<${LiveSwitch} live=${live} />`}
    </div>`;
}

/** Follows the present or stands still. */
export function LiveSwitch({ live }) {
  return html`
    <button type="button" class="live" aria-pressed=${live} onClick=${toggleLive}>
      <${Icon} name=${live ? "pause" : "play"} />${live ? "Live" : "Paused"}
    </button>`;
}

/** Live to paused and back. */
export const toggleLive = () => go(withParams({ live: params.value.get("live") === "0" ? null : "0" }));

function FreeWindow({ window }) {
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState(null);
  const apply = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const from = new Date(form.get("from"));
    const to = new Date(form.get("to"));
    if (!(from < to)) {
      setProblem("The end must be after the start.");
      return;
    }
    setProblem(null);
    setOpen(false);
    go(withParams({ from: from.toISOString(), to: to.toISOString(), since: null }));
  };
  return html`
    <div class="free-window">
      <button type="button" aria-expanded=${open} aria-current=${window.since === null ? "true" : null} onClick=${() => setOpen(!open)}>From–to</button>
      ${open && html`
        <form class="popover" onSubmit=${apply} onKeyDown=${(event) => event.key === "Escape" && setOpen(false)}>
          <label>From <input type="datetime-local" name="from" required value=${localInput(window.from, 3_600_000)} /></label>
          <label>To <input type="datetime-local" name="to" required value=${localInput(window.to, 0)} /></label>
          ${problem && html`<p role="alert" class="tone-critical">${problem}</p>`}
          <button type="submit" class="primary">Show</button>
        </form>`}
    </div>`;
}

/** A moment as the input wants it: local time without zone. */
function localInput(text, before) {
  const moment = text === null ? Date.now() - before : Date.parse(text);
  const date = new Date(moment - new Date(moment).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 16);
}
