/* Is this browser a wall of the clinic, and does what hangs there still live?

   The numbers are live.js's. This script asks for a code while the screen is not paired, tells the
   server that the page runs once it is, and watches live.js itself: the bar of the style sheet
   falls by its own weight unless a message holds it up. Nothing that fails leads away from here: a
   browser's error page would hang until somebody comes. */
(() => {
  'use strict';

  const PAIRING_EVERY_MS = 2000, SEEN_EVERY_MS = 4000, ANSWER_WITHIN_MS = 4000;
  const SILENCE_MS = 5000;
  const NEW_VERSIONS = 3; // so often in a row, before the page fetches itself anew

  const at = id => document.getElementById(id);
  const say = (el, text) => { if (el && el.textContent !== text) el.textContent = text; };
  let heardAt = -Infinity, isDark = false, differs = 0;

  const ask = async (path, what = {}) => { // null: nobody answered, or not in our words
    try {
      const answer = await fetch(path, {method: 'POST', body: JSON.stringify(what),
        headers: {'content-type': 'application/json'},
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS)});
      return await answer.json();
    } catch {
      return null;
    }
  };

  // Only with the new page in hand: the server is there, and knows us.
  const startAnew = async () => {
    try {
      const answer = await fetch('/wall', {signal: AbortSignal.timeout(ANSWER_WITHIN_MS)});
      await answer.text();
      if (answer.ok) location.reload();
    } catch { /* the next round tries again */ }
  };

  // ---- Not paired ------------------------------------------------------------------------------

  const WORDS = {
    busy: 'Too many screens wait for a code; this one tries again by itself',
    unreachable: 'The record cannot be read just now; trying again',
  };

  const pair = async () => {
    const said = await ask('/wall/pairing');
    if (said?.state === 'paired') await startAnew();
    const code = said?.state === 'waiting' ? said.code : '';
    say(at('code'), code ? `${code.slice(0, 3)} ${code.slice(3)}` : '······');
    say(at('left'), code ? `Good for ${Math.ceil(said.left_s / 60)} min, then another one comes`
      : WORDS[said?.state] || (said ? 'Being paired' : 'The server does not answer; trying again'));
    setTimeout(pair, PAIRING_EVERY_MS);
  };

  // ---- Paired ----------------------------------------------------------------------------------

  const tell = async () => {
    const said = await ask('/wall/seen', {hidden: document.hidden, live: isLive()});
    if (said?.paired === false) goDark();
    differs = said?.version && said.version !== document.documentElement.dataset.version
      ? differs + 1 : 0;
    if (isDark || differs >= NEW_VERSIONS) await startAnew();
    setTimeout(tell, SEEN_EVERY_MS);
  };

  // The server says that this is no wall any more. What it showed goes, whether or not the page of
  // a screen that is not paired can be had.
  const goDark = () => {
    if (isDark) return;
    isDark = true;
    for (const id of ['live-root', 'dead-man', 'not-live', 'sound-off']) at(id)?.remove();
    document.body.dataset.state = 'waiting';
    const words = document.createElement('main');
    words.className = 'lobby';
    words.innerHTML = '<p id="why" role="status"></p>';
    document.body.append(words);
    say(at('why'), 'This screen was removed from the list, or its pairing ended. ' +
      'It shows no chairs.');
  };

  const isLive = () => performance.now() - heardAt < SILENCE_MS;

  const two = n => String(n).padStart(2, '0');
  const timeOfDay = when => [when.getHours(), when.getMinutes(), when.getSeconds()].map(two).join(':');

  const holdUp = () => { for (const fall of at('dead-man')?.getAnimations() || []) fall.currentTime = 0; };

  const heard = () => {
    heardAt = performance.now();
    say(at('heard'), timeOfDay(new Date()));
    holdUp();
  };

  const hide = () => {
    if (at('hidden-tab')) at('hidden-tab').hidden = !document.hidden;
    if (!document.hidden) stayAwake();
  };

  const stayAwake = () => navigator.wakeLock?.request('screen').catch(() => {});

  // ---- Either ----------------------------------------------------------------------------------

  if (document.body.dataset.state === 'paired') {
    document.addEventListener('vigil:heard', heard);
    // It would lead to the sign-in form. Whether this is still a wall, `tell` finds out.
    document.addEventListener('vigil:signed-out', event => event.preventDefault());
    document.addEventListener('visibilitychange', hide);
    setInterval(() => say(at('clock'), timeOfDay(new Date())), 250);
    navigator.serviceWorker?.register('/wall/worker.js', {scope: '/wall'}).catch(() => {});
    hide();
    setTimeout(tell, SEEN_EVERY_MS / 4); // by then it has heard the server, and can say so
  } else {
    pair();
  }
})();
