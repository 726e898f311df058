// Whose question the server hears next: a few at once, what people look for first before all others.
// Refuses to know what is asked.

/** More at once only make each of them wait longer: the server of a small machine has two cores. */
const AT_ONCE = 3;
const waiting = [];
let running = 0;
let called = false;

/** Does `work` when its turn comes; what it gives. Nothing is begun for what was given up while it waited. */
export function inTurn(work, { first = false, signal = undefined } = {}) {
  return new Promise((done, failed) => {
    const turn = { first, start: () => work().then(done, failed), isOver: () => signal?.aborted === true, drop: () => failed(signal.reason) };
    waiting.push(turn);
    if (called) return;
    called = true;
    // Parts of a page ask one after the other, the whole of it last: all are heard before one is chosen.
    queueMicrotask(() => {
      called = false;
      next();
    });
  });
}

function next() {
  while (running < AT_ONCE && waiting.length > 0) {
    const at = Math.max(0, waiting.findIndex((one) => one.first));
    const [turn] = waiting.splice(at, 1);
    if (turn.isOver()) {
      turn.drop();
      continue;
    }
    running += 1;
    turn.start().finally(() => {
      running -= 1;
      next();
    });
  }
}
