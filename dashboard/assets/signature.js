/* How does a hand on the glass become a signature? Strokes on a sheet of 600 x 180, as path data.

   A pad is an empty element that React leaves alone: it carries, as JSON, the id of the store that
   takes the path. Nothing is sent from here; the path goes with the form. */
(() => {
  'use strict';

  const WIDTH = 600, HEIGHT = 180; // dashboard/views/signature.py shows the same sheet
  const STEP = 1.5; // units of the sheet: nearer points add length and no shape
  const LONGEST = 60000; // characters; the engine refuses more than 65,536
  const SVG = 'http://www.w3.org/2000/svg';

  let pad = null, pointer = 0, last = null;

  const lineOf = pad => {
    let path = pad.querySelector('path');
    if (path) return path;
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', '');
    pad.appendChild(svg).appendChild(path);
    return path;
  };

  const store = (pad, path) =>
    window.dash_clientside.set_props(JSON.parse(pad.dataset.mark), {data: path});

  const point = event => {
    const box = pad.getBoundingClientRect();
    const within = (value, most) => Math.min(most, Math.max(0, value));
    return [within((event.clientX - box.left) / box.width * WIDTH, WIDTH),
      within((event.clientY - box.top) / box.height * HEIGHT, HEIGHT)];
  };

  const add = (letter, [x, y]) => {
    const path = lineOf(pad), drawn = path.getAttribute('d');
    if (drawn.length > LONGEST) return;
    path.setAttribute('d', `${drawn}${letter}${x.toFixed(1)} ${y.toFixed(1)}`);
    last = [x, y];
  };

  document.addEventListener('pointerdown', event => {
    const target = event.target.closest?.('[data-mark]');
    if (!target || pad || event.button !== 0) return;
    event.preventDefault();
    pad = target;
    pointer = event.pointerId; // a second finger draws nothing
    pad.setPointerCapture(pointer);
    add('M', point(event));
    add('L', last); // a tap is a dot
  });

  document.addEventListener('pointermove', event => {
    if (!pad || event.pointerId !== pointer) return;
    for (const each of event.getCoalescedEvents?.() || [event]) {
      const [x, y] = point(each);
      if (Math.hypot(x - last[0], y - last[1]) >= STEP) add('L', [x, y]);
    }
  });

  const lift = event => {
    if (!pad || event.pointerId !== pointer) return;
    store(pad, lineOf(pad).getAttribute('d'));
    pad = null;
  };
  document.addEventListener('pointerup', lift);
  document.addEventListener('pointercancel', lift);

  document.addEventListener('click', event => {
    const button = event.target.closest?.('[data-clears]');
    const cleared = button?.closest('.sign-pad')?.querySelector('[data-mark]');
    if (!cleared) return;
    lineOf(cleared).setAttribute('d', '');
    store(cleared, '');
  });
})();
