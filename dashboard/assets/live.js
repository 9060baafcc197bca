/* What do the live numbers say right now, and which alarm calls? Only this code writes them.

   One socket for the chairs of the page (#live-root) and the alarms of all others. Each message
   writes its numbers first, in the same task; sparklines and the trend follow in the next frame.
   The page decides nothing: alarms are the server's word. What only the page can know is whether it
   still hears the server, and what it shows: that it says up the socket, once for each alarm.

   It tells on document: `vigil:sound` {sound: {priority, kind} or null, paused: [chair], isLive}
   when that changes, and once a second while there is something in it; `vigil:heard` with every
   message; `vigil:signed-out` before it leaves for the sign-in page, unless that is prevented. */
(() => {
  'use strict';

  const TICK_MS = 500;
  const SILENCE_MS = 5000; // no message, and a heartbeat is due every 2 s: the screen is not live
  const RETRY_MS = 200, RETRY_AT_MOST_MS = 1500;
  const LATE_MS = 10000; // a message so late was waiting in a tab that slept
  const DRIFT = 0.001; // how fast two clocks may drift apart: far more than any crystal does
  const SLEPT_MS = 2000;
  const ROTATE_MS = 2000;
  const NO_CHAIR = '-'; // asked of the server: no numbers, the alarms of all chairs
  const STALE_S = 10, CUFF_GRACE_S = 120, CUFF_INTERVAL_S = 900;
  const TREND_EVERY_MS = 1000, TREND_POINTS = 3600;
  const SPARK_SPAN = 20; // a sparkline shows at least so many units, or noise looks like drama
  const PARTS = ['alarms', 'phase', 'link', 'session', 'recording', 'interval_s', 'audio', 'off',
    'identity', 'by_hand'];
  const QUIET_PARTS = // no callback draws by them
    ['hr_source', 'monitors', 'remarks', 'name', 'sound', 'spo2_waits_ms'];
  const SOURCE = {ecg: 'ECG', spo2: 'from SpO2', pressure: 'from pressure', nibp: 'from cuff'};
  const DARK_EVERY_MS = {high: 250, medium: 833}; // half of a flash: 2.0 and 0.6 a second
  const RANK = {low: 1, medium: 2, high: 3};
  const SOUND_EVERY_MS = 1000;
  const RECEIPTS_AFTER_MS = 600, RECEIPTS_AT_ONCE = 20, RECEIPTS_KEPT = 2000;
  const BASELINE = {heart_rate: 'heart_rate', spo2: 'spo2', nibp_systolic: 'systolic',
    nibp_diastolic: 'diastolic', nibp_mean: 'mean'};

  const chairs = new Map(); // number as text -> what is known of it
  let socket = null, asked = '', windowMs = 0, started = 0, retry = 0, wait = RETRY_MS;
  let boot = '', seq = 0, heard = -Infinity, isLive = true;
  let speed = 1, anchor = 0, anchoredAt = 0;
  let places = null, frame = 0, trendAt = 0, telling = 0;
  let viewer = null, sounds = '', soundAt = -Infinity;
  const dirty = new Set(), changed = new Map();

  // ---- Time -----------------------------------------------------------------------------------

  // performance.now() may stand still while a computer sleeps, the wall clock does not.
  let perf = performance.now(), wall = Date.now(), slept = 0;
  const mono = () => {
    const p = performance.now(), w = Date.now(), jump = (w - wall) - (p - perf);
    if (jump > SLEPT_MS) slept += jump;
    perf = p; wall = w;
    return p + slept;
  };

  const serverNow = () => anchor + mono() * speed;

  // The message that travelled least sets the clock, so that a late one makes nothing look fresh.
  const setClock = (now, isFirst) => {
    const at = mono(), offset = now - at * speed;
    const kept = anchor - (at - anchoredAt) * speed * DRIFT;
    if (!isFirst && offset < kept - LATE_MS * speed) return false;
    anchor = isFirst ? offset : Math.max(offset, kept);
    anchoredAt = at;
    return true;
  };

  // ---- The socket -----------------------------------------------------------------------------

  const root = () => document.getElementById('live-root');

  const open = () => {
    clearTimeout(retry);
    const query = new URLSearchParams(
      {chairs: asked, window: windowMs / 1000, since: seq, alarms: 'all'});
    if (root()?.dataset.as) query.set('as', root().dataset.as);
    const mine = new WebSocket(
      `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/live/ws?${query}`);
    let wasOpen = false;
    socket = mine;
    started = mono();
    mine.onopen = () => { wasOpen = true; };
    mine.onmessage = event => { if (mine === socket) hear(JSON.parse(event.data)); };
    mine.onclose = event => {
      if (mine !== socket) return;
      socket = null;
      setLive(false);
      if (event.code === 1008 && signIn()) return;
      if (!wasOpen) fetch('/live/signed-in').catch(() => {}); // a 401 leads to the sign-in page
      retry = setTimeout(open, Math.min(RETRY_AT_MOST_MS, wait * (0.75 + Math.random() / 2)));
      wait = Math.min(RETRY_AT_MOST_MS, wait * 1.6);
    };
  };

  const close = () => {
    const old = socket;
    socket = null;
    clearTimeout(retry);
    if (old) old.close();
  };

  const reopen = () => { close(); open(); };

  const isSilent = () => mono() - Math.max(heard, started) > SILENCE_MS;

  const follow = () => { // the page that is shown now
    const r = root(), page = document.getElementById('page');
    if (!r && page && !page.firstElementChild) return; // it is about to come, with or without
    const wanted = r || page ? r?.dataset.chairs || NO_CHAIR : '';
    const ms = (r && Number(r.dataset.window) || 900) * 1000;
    if (wanted === asked && ms === windowMs) return;
    asked = wanted; windowMs = ms; seq = 0;
    for (const chair of chairs.values()) chair.series = {};
    if (asked) reopen(); else { close(); setLive(true); }
  };

  const signIn = () => {
    const left = new CustomEvent('vigil:signed-out', {cancelable: true});
    if (!document.dispatchEvent(left)) return false;
    location.assign('/login?next=' + encodeURIComponent(location.pathname + location.search));
    return true;
  };

  const fetched = window.fetch;
  window.fetch = async (...request) => { // Dash itself says nothing when a callback meets a 401
    const answer = await fetched(...request);
    if (answer.status === 401 && new URL(answer.url).origin === location.origin) signIn();
    return answer;
  };

  // ---- Messages -------------------------------------------------------------------------------

  const hear = message => {
    if (message.snapshot) speed = message.speed;
    if (!setClock(message.now, Boolean(message.snapshot))) return reopen();
    heard = mono(); wait = RETRY_MS;
    if (message.cut) return reopen(); // with the seq of before: the server fills what is missing
    if (message.snapshot && message.boot !== boot) {
      boot = message.boot;
      chairs.clear();
    }
    if (message.snapshot) { viewer = message.viewer; compareChairs(message.arranged); }
    const wasLive = isLive;
    isLive = true;
    const news = message.snapshot || message.changes || {};
    for (const number in news) {
      take(number, news[number]);
      paint(number);
      dirty.add(number);
    }
    seq = message.seq;
    if (!wasLive) showLive();
    const parts = new Set(Object.values(news).flatMap(Object.keys));
    if (parts.has('alarms')) call();
    if (parts.has('sound') || parts.has('audio')) sound();
    document.dispatchEvent(new CustomEvent('vigil:heard'));
    tell(news);
    askFrame();
  };

  // A page that was made of other chairs than the clinic has now is told so, and made anew.
  const compareChairs = arranged => {
    const page = document.getElementById('page');
    if (!page || page.dataset.arranged === arranged) return;
    page.dataset.arranged = arranged;
    window.dash_clientside?.set_props?.('arranged', {data: arranged});
  };

  const chairOf = number => {
    if (!chairs.has(number)) {
      chairs.set(number, {number, latest: {}, series: {}, alarms: [], lead: [], worst: {},
        phase: null, link: null, session: null, recording: null, interval_s: null, name: null,
        sound: null, audio: null, off: [], spo2_waits_ms: null, identity: null, by_hand: {}});
    }
    return chairs.get(number);
  };

  const take = (number, parts) => {
    const chair = chairOf(number);
    if (parts.session && parts.session.id !== chair.session?.id) { // nothing of the last patient
      chair.series = {};
      for (const metric in chair.latest) if (isCuff(metric)) delete chair.latest[metric];
    }
    for (const metric in parts.monitors) { // another takes the sign over: its line begins anew
      const before = chair.monitors?.[metric]?.[0], last = chair.series[metric]?.t.at(-1);
      if (before && before !== parts.monitors[metric][0] && last) {
        insert(chair.series[metric], last + 1, null);
      }
    }
    for (const [t, metric, value, said] of parts.points || []) {
      const isByHand = said === 'manual', quality = isByHand ? 'valid' : said;
      if (isByHand && !isCuff(metric)) continue; // it stands in for no measured value
      if (!(t < chair.latest[metric]?.t)) chair.latest[metric] = {t, value, quality, isByHand};
      if (isByHand) continue; // the page draws it apart
      insert(chair.series[metric] ??= {t: [], v: []}, t, value);
    }
    chair.news = PARTS.filter(
      part => part in parts && JSON.stringify(chair[part]) !== JSON.stringify(parts[part]));
    for (const part of [...PARTS, ...QUIET_PARTS]) if (part in parts) chair[part] = parts[part];
    if ('alarms' in parts) sift(chair);
  };

  const isCalling = alarm => !alarm.latched && !alarm.acknowledged_by;
  const worstOf = alarms => alarms.reduce(
    (worst, {priority}) => RANK[worst] >= RANK[priority] ? worst : priority, null);

  // What the tile of a chair says first: the worst that goes on, then what has ended unseen. The
  // frame calls as long as any alarm does, also one that stands behind a worse one that was seen.
  const sift = chair => {
    const open = chair.alarms.filter(alarm => !alarm.latched);
    const first = open.length ? open : chair.alarms;
    chair.top = worstOf(first);
    chair.lead = first.filter(alarm => alarm.priority === chair.top);
    chair.calls = worstOf(open.filter(isCalling));
    chair.behind = chair.alarms.filter(alarm => !chair.lead.includes(alarm));
    chair.worst = {};
    for (const {metric, priority} of open) {
      if (metric && !(RANK[chair.worst[metric]] >= RANK[priority])) chair.worst[metric] = priority;
    }
  };

  const shownOf = ({lead}) => lead[Math.floor(mono() / ROTATE_MS) % lead.length];

  const insert = (series, t, value) => { // in order of time; the same moment again replaces
    let i = series.t.length;
    while (i && series.t[i - 1] > t) i--;
    if (i && series.t[i - 1] === t) { series.v[i - 1] = value; return; }
    series.t.splice(i, 0, t);
    series.v.splice(i, 0, value);
    if (series.t[64] < t - windowMs) { // a few at a time: to shift thousands for each is work
      series.t.splice(0, 64);
      series.v.splice(0, 64);
    }
  };

  // Callbacks of the page hear of rare events only. A prop keeps its last value, so each event
  // names every chair of the last two seconds: one that React skips is in the next. A page of many
  // chairs says in data-hears which parts it draws by callbacks: with sixteen, Dash takes half a
  // second for one, in which no number is written, and the words of an alarm change every second.
  const tell = news => {
    const hears = root()?.dataset.hears?.split(' '), own = asked.split(',');
    const now = Object.keys(news).filter(number => own.includes(number)).filter(number => hears
      ? hears.some(part => chairOf(number).news.includes(part))
      : PARTS.some(part => part in news[number]));
    for (const number of now) changed.set(Number(number), mono());
    if (!now.length || telling) return;
    telling = setTimeout(() => {
      telling = 0;
      window.dash_clientside?.set_props?.('live-event', {data: {seq, chairs: [...changed.keys()]}});
      for (const [number, at] of changed) if (mono() - at > 2000) changed.delete(number);
    }, 50);
  };

  // ---- Words and numbers ----------------------------------------------------------------------

  const say = (el, text) => { // through the text node: the observer below need not hear of it
    const node = el.firstChild;
    if (node?.nodeType === 3 && !node.nextSibling) { if (node.data !== text) node.data = text; }
    else if (node || text) el.textContent = text;
  };

  const mark = (el, name, value) => {
    if (value == null) el.removeAttribute(name);
    else if (el.getAttribute(name) !== value) el.setAttribute(name, value);
  };

  const isCuff = metric => metric.startsWith('nibp_');
  const ageS = point => Math.max(0, (serverNow() - point.t) / 1000);
  const rounded = (metric, value) =>
    /^(temperature|perfusion)/.test(metric) ? value.toFixed(1) : String(Math.round(value));

  const staleAfterS = (chair, metric, el) => Number(el?.dataset.staleAfterS) || (speed - 1) +
    (isCuff(metric) ? (chair.session?.cuff_interval_s ?? CUFF_INTERVAL_S) + CUFF_GRACE_S
      : Math.max(STALE_S, 2.5 * (chair.monitors?.[metric]?.[1] ?? chair.interval_s ?? 0)));

  const stateOf = (chair, metric, el) => {
    const point = chair.latest[metric];
    if (!point || point.value === null || chair.identity?.hidden.includes(metric)) return 'none';
    const staleS = staleAfterS(chair, metric, el);
    if (isLive && ageS(point) <= staleS) return 'live';
    // What was old when this patient sat down is of whoever sat here before.
    return point.t < chair.session?.opened_ms - 1000 * staleS ? 'none' : 'stale';
  };

  // What the screen shows of a sign, and where from. A value that a person entered is never live:
  // of a continuous sign it is shown while no measured one is, and as long as a cuff's would be.
  const seenOf = (chair, metric, el) => {
    const point = chair.latest[metric], state = stateOf(chair, metric, el);
    const entered = chair.by_hand[metric];
    if (isCuff(metric)) {
      const {t: ofCuff, isByHand} = chair.latest.nibp_systolic || {};
      if (isByHand && point?.t < ofCuff) return {state: 'none', by: ''}; // a mean of another reading
      const isMine = point?.isByHand && entered?.[0] === point.t;
      const initials = isMine ? entered[2] : '';
      return {point, state, by: point?.isByHand ? `by\u00a0hand ${initials}`.trim() : ''};
    }
    const isMeasured = state === 'live' || state === 'stale' && point.t >= (entered?.[0] ?? 0) ||
      metric === 'heart_rate' && stateOf(chair, 'pulse_rate') === 'live';
    if (!entered || isMeasured) return {point, state, by: ''};
    const [t, value, initials] = entered, own = {t, value, quality: 'valid'};
    return {point: own, state: 'stale',
      by: `by\u00a0hand ${timeOfDay(t)}\u00a0${initials}`};
  };

  const number = (el, chair) => {
    const metric = el.dataset.metric, {point, state, by} = seenOf(chair, metric, el);
    say(el, state === 'none' ? '---' : rounded(metric, point.value));
    mark(el, 'data-state', state);
    mark(el, 'data-source', by ? 'manual' : null);
    mark(el, 'data-age-s', point ? String(Math.floor(ageS(point))) : null);
    mark(el, 'data-quality', point && point.quality !== 'valid' ? point.quality : null);
    const isStandIn = metric === 'pulse_rate' && stateOf(chair, 'heart_rate') === 'none';
    mark(el, 'data-alarm', chair.worst[isStandIn ? 'heart_rate' : metric]);
  };

  const two = n => String(n).padStart(2, '0');
  const minutes = ms => `${two(Math.floor(ms / 60000))}:${two(Math.floor(ms / 1000) % 60)}`;
  const span = s => s < 120 ? `${Math.floor(s)} s` : `${Math.floor(s / 60)} min`;
  const timeOfDay = (ms, withSeconds) => {
    const at = new Date(ms), minute = `${two(at.getHours())}:${two(at.getMinutes())}`;
    return withSeconds ? `${minute}:${two(at.getSeconds())}` : minute;
  };

  const elapsedMs = ({phase, session}) => {
    const since = phase === 'infusing' ? session.infusion_started_ms
      : phase === 'recovery' ? session.infusion_stopped_ms : null;
    return Math.max(0, serverNow() - (since ?? session.phase_since_ms));
  };

  const lastCuff = chair => ['nibp_systolic', 'nibp_mean']
    .filter(metric => !chair.identity?.hidden.includes(metric))
    .map(metric => chair.latest[metric]).find(Boolean);

  const roles = {
    'by-hand': (el, chair) => say(el, seenOf(chair, el.dataset.of).by),
    'hr-source': (el, chair) => say(el, seenOf(chair, 'heart_rate').by ? ''
      : stateOf(chair, 'heart_rate') !== 'none'
      ? SOURCE[chair.hr_source] || '' : stateOf(chair, 'pulse_rate') !== 'none' ? 'pulse, SpO2' : ''),
    from: (el, chair) => { // which of two monitors; the number says nothing where there is one
      const metric = el.dataset.of, isStandIn = stateOf(chair, metric) === 'none';
      const shown = metric === 'heart_rate' && isStandIn ? 'pulse_rate' : metric;
      say(el, stateOf(chair, shown) === 'none' || seenOf(chair, metric).by ? '' : chair.monitors?.[shown]?.[0] || '');
    },
    remarks: (el, {remarks}) => say(el, (remarks || []).join(' · ')),
    'cuff-time': (el, chair) => {
      const cuff = lastCuff(chair);
      say(el, cuff ? timeOfDay(cuff.t) : '');
    },
    'cuff-age': (el, chair) => {
      const cuff = lastCuff(chair);
      say(el, cuff ? span(ageS(cuff)) : '');
      mark(el, 'data-overdue', cuff && ageS(cuff) > staleAfterS(chair, 'nibp_') ? 'true' : null);
    },
    elapsed: (el, chair) => say(el, chair.session ? minutes(elapsedMs(chair)) : ''),
    remaining: (el, chair) => {
      const left = chair.phase === 'infusing' && chair.session
        ? chair.session.planned_min * 60000 - elapsedMs(chair) : null;
      say(el, left === null ? '' : left < 0 ? `−${minutes(-left)}` : minutes(left));
      mark(el, 'data-overdue', left < 0 ? 'true' : null);
    },
    phase: (el, {phase}) => say(el, !phase ? '' : phase === 'aborted' ? 'Ended early'
      : phase[0].toUpperCase() + phase.slice(1)),
    link: (el, {link}) => {
      say(el, !link?.text ? '' : link.since_ms === null ? link.text
        : `${link.text} ${span(Math.max(0, serverNow() - link.since_ms) / 1000)}`);
      mark(el, 'title', link?.detail || null);
    },
    'link-detail': (el, {link}) => say(el, link?.text ? link.detail : ''),
    'alarm-text': (el, chair) => { // the worst ones rotate: the word beside them is theirs
      const alarm = shownOf(chair);
      say(el, alarm ? alarm.text : '');
      if (alarm) sees(chair.number, alarm, null, el);
    },
    'alarm-more': (el, {alarms, behind}) => { // how many others, and the worst that stands behind
      say(el, alarms.length > 1 ? `+${alarms.length - 1}` : '');
      const calling = behind?.filter(isCalling) || [];
      const ended = behind?.filter(alarm => alarm.latched) || [];
      mark(el, 'data-priority', worstOf(calling.length ? calling : ended));
      mark(el, 'data-latched', !calling.length && ended.length ? 'true' : null);
    },
    'alarm-note': (el, chair) => {
      const alarm = shownOf(chair);
      say(el, !alarm ? '' : [alarm.latched && 'has ended – not seen',
        alarm.unseen && `${alarm.unseen} not seen`,
        alarm.repeat && 'repeat the cuff', alarm.confirmed_ms && 'confirmed',
        alarm.acknowledged_by && `seen by ${alarm.acknowledged_by}`].filter(Boolean).join(' · '));
    },
    audio: (el, {audio}) => {
      const left = audio?.until_ms == null ? 0 : audio.until_ms - serverNow();
      const state = audio?.state === 'off' || audio?.state === 'paused' && left > 0
        ? audio.state : null;
      mark(el, 'data-state', state);
      mark(el, 'title', state && `Sound ${state} by ${audio.by}`);
      say(el, !state ? '' : state === 'off' ? 'off' : minutes(Math.ceil(left / 1000) * 1000));
    },
    off: (el, {off}) => say(el, off?.length ? `${off.join(', ')} alarms off` : ''),
    'sign-off': (el, {off}) => { // beside its number; `of` names the signs that stand there
      const here = el.dataset.of.split(',').filter(sign => off?.includes(sign));
      say(el, !here.length ? '' : el.dataset.of.includes(',') ? `${here.join(', ')} off` : 'off');
    },
    'spo2-waits': (el, {spo2_waits_ms: until}) => {
      const left = until == null ? 0 : until - serverNow();
      say(el, left > 0 ? `waits for cuff ${Math.ceil(left / 1000)} s` : '');
    },
    unsigned: (el, {session}) =>
      say(el, session && !session.is_approved ? 'Limits not signed' : ''),
    'no-baseline': (el, {session}) => say(el, session?.lacks_baseline ? 'no baseline' : ''),
    delta: (el, chair) => {
      const metric = el.dataset.metric || el.dataset.of, {point, state} = seenOf(chair, metric);
      const base = chair.session?.baseline?.[BASELINE[metric]];
      const has = base != null && state !== 'none';
      const by = has ? Math.round(point.value) - Math.round(base) : 0;
      say(el, !has ? '' : by > 0 ? `+${by}` : by < 0 ? `−${-by}` : '±0');
      mark(el, 'data-state', state);
    },
  };

  const tile = (el, chair) => {
    const isFresh = Object.keys(chair.latest).some(
      metric => !isCuff(metric) && stateOf(chair, metric) === 'live');
    mark(el, 'data-link', chair.link?.state);
    mark(el, 'data-phase', chair.phase || 'none');
    const calls = chair.calls ?? null;
    if ((el.dataset.calls ?? null) !== calls) mark(el, 'data-dark', null); // it begins in full view
    mark(el, 'data-alarm', chair.top ?? null);
    mark(el, 'data-calls', calls);
    mark(el, 'data-latched', chair.lead[0]?.latched ? 'true' : null);
    mark(el, 'data-acked', chair.top && !calls && !chair.lead[0].latched ? 'true' : null);
    mark(el, 'data-stale', String(!isFresh));
    mark(el, 'data-recording', chair.recording === null ? null : String(chair.recording));
  };

  // The frame of an alarm that nobody has seen goes dark and comes back; its digits stand.
  const isStill = window.matchMedia('(prefers-reduced-motion: reduce)');
  const flash = (priority, isDark) => {
    for (const el of document.querySelectorAll(`[data-calls="${priority}"]`)) {
      mark(el, 'data-dark', isDark && !isStill.matches ? 'true' : null);
    }
    for (const el of document.querySelectorAll('[data-dark]:not([data-calls])')) {
      mark(el, 'data-dark', null);
    }
  };

  const placesOf = chair => { // where the page speaks of a chair; found anew when the page changes
    if (!places) {
      places = new Map();
      for (const el of document.querySelectorAll('[data-tile], [data-chair]')) {
        const write = el.dataset.tile ? tile : el.dataset.role ? roles[el.dataset.role]
          : el.dataset.metric ? number : null;
        const key = el.dataset.tile || el.dataset.chair;
        if (!places.has(key)) places.set(key, []);
        if (write) places.get(key).push([el, write]);
      }
    }
    return places.get(chair) || [];
  };

  const paint = number => {
    const chair = chairOf(number);
    for (const [el, write] of placesOf(number)) write(el, chair);
  };

  const paintAll = () => { placesOf(''); for (const number of places.keys()) paint(number); };

  // ---- Alarms of every chair, on every page ------------------------------------------------------

  // The worst alarms that belong on all screens, and the calls to whoever is signed in here. What
  // does not fit is counted; of the worst, each gets its turn.
  const calls = new Map(); // alarm id -> its line in the banner

  const calling = () => {
    const found = [];
    for (const [number, chair] of chairs) {
      for (const alarm of chair.alarms) {
        const mine = viewer && alarm.calls?.findLast(
          ({stage, to}) => stage === 'second' && to === viewer);
        if (isCalling(alarm) && (alarm.all_screens || mine)) found.push({number, chair, alarm, mine});
      }
    }
    const weight = ({alarm, mine}) =>
      4 * RANK[alarm.priority] + 2 * Boolean(mine) + (alarm.kind === 'physiological');
    return found.sort(
      (one, other) => weight(other) - weight(one) || one.alarm.onset_ms - other.alarm.onset_ms);
  };

  const PART_OF_CALL = ['alarm-badge', 'call-mine', 'call-chair', 'call-text', 'call-more'];

  const callLine = () => {
    const el = document.createElement('a');
    el.className = 'call';
    for (const part of PART_OF_CALL) {
      el.appendChild(Object.assign(document.createElement('span'), {className: part}));
    }
    el.addEventListener('click', event => { // without a new page the sound goes on
      if (event.ctrlKey || event.metaKey || event.shiftKey || !window.dash_clientside?.set_props) return;
      event.preventDefault();
      window.dash_clientside.set_props('location', {pathname: el.getAttribute('href')});
    });
    return el;
  };

  const call = () => {
    const banner = document.getElementById('alarm-banner');
    if (!banner) return;
    const found = calling(), ids = new Set(found.map(({alarm}) => alarm.id));
    for (const [id, el] of calls) if (!ids.has(id)) { el.remove(); calls.delete(id); }
    found.forEach(({number, chair, alarm, mine}, i) => {
      const el = calls.get(alarm.id) || calls.set(alarm.id, callLine()).get(alarm.id);
      const prompt = alarm.calls?.some(({stage}) => stage === 'prompt');
      mark(el, 'href', `/chair/${number}`);
      mark(el, 'data-priority', alarm.priority);
      mark(el, 'data-news', alarm.news);
      if (el.dataset.calls !== alarm.priority) mark(el, 'data-dark', null);
      mark(el, 'data-calls', alarm.priority);
      mark(el, 'data-mine', mine ? 'true' : null);
      say(el.children[1], mine ? `You are called since ${timeOfDay(mine.at_ms)}` : '');
      say(el.children[2], chair.name || `Chair ${number}`);
      say(el.children[3], alarm.text);
      say(el.children[4], [prompt && 'think about stopping the infusion',
        `since ${timeOfDay(alarm.onset_ms)}`].filter(Boolean).join(' · '));
      if (banner.children[i] !== el) banner.insertBefore(el, banner.children[i] || null);
    });
    mark(banner, 'data-count', String(found.length));
    turn();
  };

  const turn = () => { // measured when something changed or the next one is due, never in between
    const banner = document.getElementById('alarm-banner');
    if (!banner) return;
    const lines = [...banner.children];
    for (const el of lines) el.style.order = '';
    const row = () => lines.filter(el => el.offsetTop - banner.offsetTop < el.offsetHeight / 2);
    let seen = lines.length > 1 ? row() : lines;
    const alike = lines.filter(el => el.dataset.priority === lines[0].dataset.priority);
    if (alike.some(el => !seen.includes(el))) {
      const first = Math.floor(mono() / ROTATE_MS) % alike.length;
      alike.forEach((el, i) => { el.style.order = i < first ? '-1' : '-2'; });
      seen = row();
    }
    const more = document.getElementById('alarm-banner-more');
    if (more) say(more, seen.length < lines.length ? `+${lines.length - seen.length}` : '');
    for (const [id, el] of calls) {
      el.style.visibility = seen.includes(el) ? '' : 'hidden'; // nor found by the tabulator
      if (!seen.includes(el)) continue;
      const number = el.getAttribute('href').split('/').pop();
      const alarm = {id, news: el.dataset.news};
      sees(number, alarm, null);
      if (el.dataset.mine) sees(number, alarm, 'second');
    }
  };

  // What the server is told: this alarm is on a screen that can be seen. Never twice.
  const seenHere = new Set();
  let receipts = [], sending = 0;

  // What is scrolled out of the window nobody sees. Measured once an alarm, not with every beat.
  const isInView = el => {
    const {top, bottom, width} = el.getBoundingClientRect();
    return width > 0 && bottom > 0 && top < window.innerHeight;
  };

  const sees = (number, {id, news}, stage, el) => {
    const key = `${id} ${stage} ${news}`; // one that has grown worse is seen anew
    if (seenHere.has(key) || document.hidden || !isLive || !viewer) return;
    if (el && !isInView(el)) return;
    if (seenHere.size >= RECEIPTS_KEPT) seenHere.clear();
    seenHere.add(key);
    receipts.push([Number(number), id, stage, news]);
    sending ||= setTimeout(send, RECEIPTS_AFTER_MS);
  };

  const seeListed = () => { // the chair's page lists all alarms; each line is a panel of that name
    for (const number of asked.split(',')) {
      for (const alarm of chairs.get(number)?.alarms || []) {
        if (seenHere.has(`${alarm.id} null ${alarm.news}`)) continue;
        const row = document.getElementById(`{"name":"alarm:${alarm.id}","type":"panel"}`);
        if (row) sees(number, alarm, null, row);
      }
    }
  };

  const send = () => {
    sending = 0;
    if (!receipts.length) return;
    if (socket?.readyState === WebSocket.OPEN) {
      socket.send(JSON.stringify({shown: receipts.splice(0, RECEIPTS_AT_ONCE)}));
    }
    if (receipts.length) sending = setTimeout(send, 2 * SOUND_EVERY_MS);
  };

  // What should be heard of all chairs together. A page that hears nothing says that, too.
  const sound = () => {
    let worst = null;
    const paused = [];
    const weight = ({priority, kind}) => 2 * RANK[priority] + (kind === 'physiological');
    for (const [number, {sound: own, audio}] of chairs) {
      if (own && (!worst || weight(own) > weight(worst))) worst = own;
      if (audio && audio.state !== 'on') paused.push(Number(number));
    }
    const now = `${worst?.priority} ${worst?.kind} ${paused} ${isLive}`;
    const isDue = (worst || paused.length || !isLive) && mono() - soundAt >= SOUND_EVERY_MS - 50;
    if (now === sounds && !isDue) return;
    sounds = now;
    soundAt = mono();
    document.dispatchEvent(
      new CustomEvent('vigil:sound', {detail: {sound: worst, paused, isLive}}));
  };

  const showSound = () => { // it may be blocked by the browser until somebody touches the page
    const bar = document.getElementById('sound-off');
    if (!bar || document.readyState !== 'complete') return; // sound.js may still be on its way
    const isBlocked = window.vigilSound?.state() !== 'running';
    say(bar, isBlocked ? 'SOUND OFF – TOUCH TO ENABLE' : '');
    bar.hidden = !isBlocked;
  };

  // ---- Whether the page is live, and seen --------------------------------------------------------

  const setLive = is => { if (is !== isLive) { isLive = is; showLive(); sound(); } };

  const showLive = () => {
    const bar = document.getElementById('not-live');
    if (bar) {
      const since = timeOfDay(Date.now() - (mono() - heard));
      const why = heard > 0 ? `the numbers are from ${since}` : 'no connection';
      say(bar, isLive ? '' : `SCREEN NOT LIVE – ${why}; look at the bedside monitor`);
      bar.hidden = isLive;
    }
    mark(document.documentElement, 'data-live', String(isLive));
    paintAll();
  };

  const showHeard = () => {
    const el = document.getElementById('last-heard');
    if (el && heard > 0) say(el, `${timeOfDay(Date.now() - (mono() - heard), true)}`);
  };

  // A browser slows a tab that nobody sees: its title says so where the tab can still be read.
  let title = null;
  const showHidden = () => {
    if (document.hidden) {
      title ??= document.title;
      const [first] = calling();
      document.title = first ? `${first.alarm.text} – ${first.chair.name}` : `In background – ${title}`;
    } else if (title !== null) {
      document.title = title;
      title = null;
    }
  };

  // ---- Drawings, one frame behind the numbers ---------------------------------------------------

  const askFrame = () => { if (!frame && dirty.size) frame = requestAnimationFrame(draw); };

  const draw = () => {
    frame = 0;
    for (const el of document.querySelectorAll('[data-spark]')) {
      if (dirty.has(el.dataset.chair)) spark(el, chairOf(el.dataset.chair));
    }
    const trend = document.querySelector('[data-trend]');
    if (!trend || !dirty.has(trend.dataset.trend)) return dirty.clear();
    const isDue = mono() - trendAt >= TREND_EVERY_MS;
    const isDrawn = isDue && plot(trend, chairOf(trend.dataset.trend));
    dirty.clear();
    if (isDrawn) trendAt = mono(); else dirty.add(trend.dataset.trend); // the next tick tries again
  };

  const gapMs = chair => Math.max(STALE_S, 2.5 * (chair.interval_s || 0)) * 1000;

  // A chair without an ECG draws its pulse; one with both never a mixture.
  const seriesOf = ({series}, metric) => {
    const has = name => series[name]?.v.some(value => value !== null);
    const isStandIn = metric === 'heart_rate' && !has(metric) && has('pulse_rate');
    return series[isStandIn ? 'pulse_rate' : metric] || {t: [], v: []};
  };

  const spark = (el, chair) => {
    const canvas = el.tagName === 'CANVAS' ? el : el.querySelector('canvas') ||
      el.appendChild(Object.assign(document.createElement('canvas'),
        {style: 'display: block; width: 100%; height: 100%'}));
    const dots = window.devicePixelRatio || 1;
    const width = Math.round(el.clientWidth * dots), height = Math.round(el.clientHeight * dots);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    const pen = canvas.getContext('2d');
    pen.clearRect(0, 0, width, height);
    const {t, v} = seriesOf(chair, el.dataset.spark);
    const known = v.filter(value => value !== null);
    if (!known.length) return;
    const low = Math.min(...known), high = Math.max(...known);
    const range = Math.max(SPARK_SPAN, high - low), base = (low + high - range) / 2;
    const from = serverNow() - windowMs, pad = 2 * dots, gap = gapMs(chair);
    pen.beginPath();
    for (let i = 0; i < t.length; i++) {
      if (v[i] === null || t[i] < from) continue;
      const x = (t[i] - from) / windowMs * width;
      const y = height - pad - (v[i] - base) / range * (height - 2 * pad);
      if (i && v[i - 1] !== null && t[i] - t[i - 1] <= gap) pen.lineTo(x, y); else pen.moveTo(x, y);
    }
    pen.strokeStyle = getComputedStyle(el).color;
    pen.lineWidth = 1.5 * dots;
    pen.lineJoin = 'round';
    pen.stroke();
  };

  // At most so many points: of each short stretch its lowest and its highest. A null breaks the line.
  const line = (chair, metric) => {
    const {t, v} = seriesOf(chair, metric);
    const gap = isCuff(metric) ? Infinity : gapMs(chair);
    const most = Math.ceil(t.length / (TREND_POINTS / 2)), x = [], y = [];
    const put = (i, value) => { x.push(t[i]); y.push(value); };
    let from = 0;
    const flush = to => {
      let low = from, high = from;
      for (let i = from; i < to; i++) {
        if (v[i] < v[low]) low = i;
        if (v[i] > v[high]) high = i;
      }
      if (from < to) put(Math.min(low, high), v[Math.min(low, high)]);
      if (low !== high) put(Math.max(low, high), v[Math.max(low, high)]);
      from = to;
    };
    for (let i = 0; i < t.length; i++) {
      const isBreak = v[i] === null || i && t[i] - t[i - 1] > gap;
      if (isBreak || i - from === most) flush(i);
      if (isBreak) put(i, null);
      if (v[i] === null) from = i + 1;
    }
    flush(t.length);
    return dated(x, y);
  };

  const bars = chair => { // each cuff reading a stroke from diastolic to systolic
    const {t, v} = chair.series.nibp_systolic || {t: [], v: []};
    const diastolic = chair.series.nibp_diastolic || {t: [], v: []}, x = [], y = [];
    t.forEach((at, i) => {
      const j = diastolic.t.indexOf(at);
      if (j >= 0) { x.push(at, at, at); y.push(v[i], diastolic.v[j], null); }
    });
    return dated(x, y);
  };

  const dated = (x, y) => [x.map(ms => new Date(ms)), y];

  const plot = (el, chair) => {
    const graph = el.querySelector('.js-plotly-plot');
    if (!window.Plotly || !graph?.data) return false;
    const x = [], y = [], which = [];
    graph.data.forEach(({meta}, i) => {
      if (!meta?.metric && meta?.cuff !== 'bar') return;
      const [xs, ys] = meta.metric ? line(chair, meta.metric) : bars(chair);
      x.push(xs); y.push(ys); which.push(i);
    });
    // Without a value the axes would be of the year 2000.
    const has = y.some(values => values.some(v => v !== null)) ||
      graph.data.some(({uid, x: of}) => uid?.startsWith('hand-') && of?.length);
    graph.style.visibility = has ? '' : 'hidden';
    // New values of x make Plotly forget the kind of axis, unless it is named beside them.
    if (which.length) window.Plotly.update(graph, {x, y}, {'xaxis.type': 'date'}, which);
    return true;
  };

  // ---- What keeps it going --------------------------------------------------------------------

  const tick = () => {
    if (asked && socket && isSilent()) { setLive(false); reopen(); }
    // A page that was changed meanwhile has a new socket, and has heard nothing either.
    if (asked && heard > -Infinity && mono() - heard > SILENCE_MS) setLive(false);
    paintAll();
    showHeard();
    sound();
    seeListed();
    if (document.hidden) showHidden();
    askFrame();
  };

  const wake = () => { // a tab that comes back has missed its timers
    showHidden();
    if (document.hidden) return;
    if (asked && (!socket || isSilent())) { setLive(false); reopen(); }
    for (const number of chairs.keys()) dirty.add(number);
    tick();
    turn();
  };

  const isOwn = ({target}) => target.closest?.('.js-plotly-plot, #alarm-banner');

  new MutationObserver(records => {
    if (records.every(isOwn)) return;
    places = null;
    follow();
    showSound();
    paintAll(); // before the browser paints: no new element is seen empty
    for (const number of places.keys()) if (number) dirty.add(number);
    askFrame();
  }).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true, attributeFilter: ['data-chairs', 'data-window'],
  });
  document.addEventListener('visibilitychange', wake);
  window.addEventListener('pageshow', wake);
  window.addEventListener('online', wake);
  document.addEventListener('vigil:sound-state', showSound);
  window.addEventListener('load', showSound);
  setInterval(tick, TICK_MS);
  setInterval(() => { if (calls.size > 1) turn(); }, ROTATE_MS);
  for (const [priority, every] of Object.entries(DARK_EVERY_MS)) {
    let isDark = false;
    setInterval(() => flash(priority, isDark = !isDark), every);
  }
  follow();
})();
