// Chooses the window, and live or paused. Refuses to keep the choice: it is in the address.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { go, params, withParams } from "../state/address.mjs";
import { RANGES, canFollow, chosen, isLive, lastOf, zoom } from "../state/window.mjs";
import { clock, stamp } from "../format.mjs";
import { Icon } from "./icon.mjs";
import { Popover } from "./popover.mjs";

/** The picker of pages that have a window. */
export function TimePicker() {
  const window = chosen();
  const live = isLive();
  return html`
    <div class="picker" role="group" aria-label="Time window">
      <div class="segments">
        ${RANGES.map((range) => html`
          <a href=${withParams(lastOf(range.since))} aria-current=${window.since === range.since ? "true" : null}>${range.title}</a>`)}
        <${FreeWindow} window=${window} />
      </div>
      ${canFollow() && html`<${LiveSwitch} live=${live} />`}
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
  const custom = window.since === null || !RANGES.some((range) => range.since === window.since);
  return html`<${Popover} label=${custom ? windowText(window) : "From–to"} current=${custom}>${(close) => html`<${Ends} window=${window} close=${close} />`}<//>`;
}

/** A window in few letters. */
function windowText(window) {
  if (window.since !== null) return `last ${window.since}`;
  const [from, to] = [new Date(window.from), new Date(window.to)];
  return from.toDateString() === to.toDateString() ? `${stamp(from, false)}–${clock(to, false)}` : `${stamp(from, false)} – ${stamp(to, false)}`;
}

function Ends({ window, close }) {
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
    close();
    zoom(from / 1000, to / 1000);
  };
  return html`
    <form class="ends" onSubmit=${apply}>
      <label>From <input type="datetime-local" name="from" required value=${localInput(window.from, 3_600_000)} /></label>
      <label>To <input type="datetime-local" name="to" required value=${localInput(window.to, 0)} /></label>
      ${problem && html`<p role="alert" class="tone-critical">${problem}</p>`}
      <button type="submit" class="primary">Show</button>
      <p class="muted">The address also takes <code>from=now-6h</code>, <code>from=now/d</code> and unix milliseconds.</p>
    </form>`;
}

/** A moment as the input wants it: local time without zone. */
export function localInput(text, before) {
  const moment = text === null ? Date.now() - before : Date.parse(text);
  const date = new Date(moment - new Date(moment).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 16);
}
