/* Which button did a finger press, however often the page is drawn anew meanwhile?

   In a crisis alarms come often, and each draws the list. A button that is replaced between the
   finger's touching and lifting gets no click; and Dash reads the count of clicks only when its
   callback sets out, which a drawing in between has put back to none. So a button with
   data-presses="STORE" is told at once, by what it carries: into that dcc.Store go the presses of
   the last seconds, oldest first. The record takes each once, by its command.

   Where it stands in a group with data-fields, what is written in the fields there goes with it, by
   their names, as it is seen: a value is told to Dash some keys later than it is typed. Enter in
   one of the fields presses the first button of the group. */
(() => {
  'use strict';

  const KEPT_MS = 5000, SLIPPED_PX = 24;
  const recent = new Map(); // by store
  let touched = null, where = location.pathname;

  const buttonOf = ({target}) => target.closest?.('button[data-presses]');

  const carriedBy = button => {
    const fields = button.closest('[data-fields]')?.querySelectorAll('input[name]');
    return {...button.dataset, ...fields &&
      {fields: Object.fromEntries(Array.from(fields, ({name, value}) => [name, value]))}};
  };

  const tell = ({presses: store, ...carried}) => {
    const now = performance.now();
    if (where !== location.pathname) recent.clear(); // those were of another chair
    where = location.pathname;
    const before = (recent.get(store) || []).filter(({pressed}) => now - pressed < KEPT_MS);
    recent.set(store, [...before, {...carried, pressed: now}]);
    window.dash_clientside?.set_props?.(store, {data: recent.get(store)});
  };

  document.addEventListener('pointerdown', event => {
    const button = event.isPrimary && buttonOf(event);
    touched = button ? {button, carried: carriedBy(button), x: event.x, y: event.y} : null;
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
    tell(carriedBy(button));
  });

  document.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || event.repeat || !event.target.matches?.('input[name]')) return;
    event.target.closest('[data-fields]')?.querySelector('button[data-presses]')?.click();
  });
})();
