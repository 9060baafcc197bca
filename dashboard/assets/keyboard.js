/* What does the keyboard need that Dash and its grid do not give? */
(() => {
  'use strict';

  // A part that is drawn anew takes the focus with it; whoever works with the keyboard gets it back.
  let place = '';
  document.addEventListener('focusin', event => { place = event.target.id; });
  document.addEventListener('pointerdown', () => { place = ''; });
  // On its way to another element the focus is nowhere for a moment, in which that element may be
  // told: to give it back just then would keep it where it was. First of all listeners.
  document.addEventListener('focusout', event => { if (event.relatedTarget) place = ''; }, true);
  new MutationObserver(() => {
    if (!place || document.activeElement !== document.body) return;
    document.getElementById(place)?.focus({preventScroll: true});
  }).observe(document.documentElement, {childList: true, subtree: true});

  // The grid keeps Enter for itself and steps over the links in its cells.
  document.addEventListener('keydown', event => {
    if (event.key !== 'Enter') return;
    event.target.closest?.('.grid .ag-row')?.querySelector('a')?.click();
  });
})();
