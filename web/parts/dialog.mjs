// A dialog that is open as long as it is wanted. Refuses to keep its content while it is closed: the next time it begins anew.
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.mjs";

/** Shows `children` under a title while `open`; `close` is called however it is left. */
export function Dialog({ id, title, open, close, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    if (open) dialog.current.showModal();
    else dialog.current.close();
  }, [open]);
  return html`
    <dialog ref=${dialog} aria-labelledby=${id} onClose=${close}>
      <h2 id=${id}>${title}</h2>
      ${open && children}
    </dialog>`;
}
