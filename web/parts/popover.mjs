// A button that opens a small panel below it. Refuses to stay open once the focus or a press is elsewhere.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { html } from "../html.mjs";

/** `children(close)` is drawn while it is open. */
export function Popover({ label, name = null, current = false, quiet = false, children }) {
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    const elsewhere = (event) => !box.current?.contains(event.target) && setOpen(false);
    addEventListener("pointerdown", elsewhere);
    addEventListener("focusin", elsewhere);
    return () => {
      removeEventListener("pointerdown", elsewhere);
      removeEventListener("focusin", elsewhere);
    };
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector("button").focus();
  };
  const onKey = (event) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    close();
  };
  return html`
    <div class="free-window" ref=${box} onKeyDown=${onKey}>
      <button type="button" class=${quiet ? "quiet" : null} aria-label=${name} aria-expanded=${open} aria-controls=${id} aria-current=${current ? "true" : null} onClick=${() => setOpen(!open)}>${label}</button>
      <div id=${id}>${open && html`<div class="popover">${children(close)}</div>`}</div>
    </div>`;
}
