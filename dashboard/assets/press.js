/* Which button did a finger press, however often the page is drawn anew meanwhile?

   In a crisis alarms come often, and each draws the list. A button that is replaced between the
   finger's touching and lifting gets no click; and Dash reads the count of clicks only when its
   callback sets out, which a drawing in between has put back to none. So a button with
   data-presses="STORE" is told at once, by what it carries: into that dcc.Store go the presses of
   the last seconds, oldest first. The record takes each once, by its command. */
(() => {
  'use strict';

  const KEPT_MS = 5000, SLIPPED_PX = 24;
  const recent = new Map(); // by store
  let touched = null;

  const buttonOf = ({target}) => target.closest?.('button[data-presses]');

  const tell = ({presses: store, ...carried}) => {
    const now = performance.now();
    const before = (recent.get(store) || []).filter(({at}) => now - at < KEPT_MS);
    recent.set(store, [...before, {...carried, at: now}]);
    window.dash_clientside?.set_props?.(store, {data: recent.get(store)});
  };

  document.addEventListener('pointerdown', event => {
    const button = event.isPrimary && buttonOf(event);
    touched = button ? {button, carried: {...button.dataset}, x: event.x, y: event.y} : null;
  });
  document.addEventListener('pointercancel', () => { touched = null; }); // it became a scrolling
  document.addEventListener('pointerup', ({x, y}) => {
    if (!touched || touched.button.isConnected) return; // then there is a click
    if (Math.hypot(x - touched.x, y - touched.y) < SLIPPED_PX) tell(touched.carried);
  });

  document.addEventListener('click', event => {
    const button = buttonOf(event);
    if (!button) return;
    const last = recent.get(button.dataset.presses)?.at(-1);
    // The second half of a double click, on what has come under the finger since.
    if (event.detail > 1 && last && last.about !== button.dataset.about) return;
    tell(button.dataset);
  });
})();
