// One figure after another: the first is painted before the page is busy with the next.

/** How long one waits for the figures before it [ms]: they may wait for a kernel that is busy. */
const PATIENCE = 500;
/** A page out of sight paints no frame [ms]. */
const LONGEST_FRAME = 50;

const pause = (time: number): Promise<void> =>
  new Promise((resolve) => window.setTimeout(resolve, time));

/** The next frame is on the screen. */
function painted(): Promise<void> {
  const frame = new Promise<void>((resolve) =>
    window.requestAnimationFrame(() => window.setTimeout(resolve)),
  );
  return Promise.race([frame, pause(LONGEST_FRAME)]);
}

/** Do work once the work of those before is done and painted, wherever on the page they are. */
export function inTurn(work: () => Promise<void>): Promise<void> {
  const page = window as { __seisnb_turn?: Promise<void> };
  const before = page.__seisnb_turn;
  const mine = before ? Promise.race([before, pause(PATIENCE)]).then(work) : work();
  page.__seisnb_turn = mine.catch(() => undefined).then(painted);
  return mine;
}
