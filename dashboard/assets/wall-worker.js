/* What does a wall show that is switched on, or reloaded, while the server is away?

   Its own page as it last was: no numbers are kept, so it says SCREEN NOT LIVE and goes on trying,
   where a browser would show its error page until somebody comes. Browsers run this over TLS and
   on the server's own machine only. */
'use strict';

const KEPT = 'vigil-wall', WAIT_MS = 4000;
const PARTS = ['/assets/wall.js', '/assets/wall.css', '/assets/live.js', '/assets/sound.js'];

self.addEventListener('install', event => event.waitUntil(self.skipWaiting()));
self.addEventListener('activate', event => event.waitUntil(keep().then(() => clients.claim())));

// The page was there before its worker: fetched once more, to be kept.
const keep = async () => {
  try {
    await take(new Request('/wall'), await fetch('/wall'));
    for (const part of PARTS) await take(new Request(part), await fetch(part));
  } catch { /* with the next visit */ }
};

// The page of a screen that is not paired is not kept, and ends what was kept before.
const take = async (request, answer) => {
  const isPage = new URL(request.url).pathname === '/wall';
  if (isPage && answer.ok && !answer.headers.has('vigil-wall')) await caches.delete(KEPT);
  else if (answer.ok) await (await caches.open(KEPT)).put(request, answer.clone());
};

const answerTo = async request => {
  try {
    const answer = await fetch(request, {signal: AbortSignal.timeout(WAIT_MS)});
    await take(request, answer);
    if (answer.status < 500) return answer;
    return await caches.match(request, {ignoreVary: true}) || answer;
  } catch (error) {
    const kept = await caches.match(request, {ignoreVary: true});
    if (kept) return kept;
    throw error;
  }
};

self.addEventListener('fetch', event => {
  const {pathname} = new URL(event.request.url);
  if (event.request.method === 'GET' && (pathname === '/wall' || PARTS.includes(pathname))) {
    event.respondWith(answerTo(event.request));
  }
});
