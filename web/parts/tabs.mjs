// Tabs with the keys people expect: arrows, Home, End. Refuses to load anything for a hidden tab.
import { useId, useRef, useState } from "preact/hooks";
import { html } from "../html.mjs";

/** `tabs`: `[{title, body, mark}]`; a mark stands before the title. */
export function Tabs({ label, tabs }) {
  const [at, setAt] = useState(0);
  const id = useId();
  const list = useRef(null);
  const move = (event) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    setAt(next);
    list.current.children[next].focus();
  };
  return html`
    <div class="tabs">
      <div role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
        ${tabs.map((tab, i) => html`
          <button type="button" role="tab" id=${`${id}-tab-${i}`} aria-selected=${i === at} aria-controls=${`${id}-panel`}
            tabindex=${i === at ? 0 : -1} onClick=${() => setAt(i)}>${tab.mark}${tab.title}</button>`)}
      </div>
      <div role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-tab-${at}`}>${tabs[at].body}</div>
    </div>`;
}
