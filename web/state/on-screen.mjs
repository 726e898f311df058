// What the page shows, as rows, so that it can be taken away as CSV or JSON. Refuses to keep what is
// no longer shown.
import { useEffect, useId } from "preact/hooks";

const shown = new Map();

/** Tells what a part of the page shows: `{title, head, rows}`, rows of numbers, texts and null. */
export function useOnScreen(title, head, rows) {
  const id = useId();
  useEffect(() => {
    shown.set(id, { title, head, rows });
    return () => shown.delete(id);
  });
}

/** Everything shown, in no order that matters. */
export const onScreen = () => [...shown.values()].filter((one) => one.rows.length > 0).sort((a, b) => a.title.localeCompare(b.title));
