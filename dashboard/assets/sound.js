/* What does an alarm sound like, and can anyone hear it here? Made by Web Audio; no file is played.

   | priority | pulses                 | pulse  | gap between pulses           | burst again every |
   |----------|------------------------|--------|------------------------------|-------------------|
   | high     | 10: 3 + 2, pause, 3 + 2| 130 ms | 90; 3rd-4th 310; 5th-6th 700 | 10 s              |
   | medium   | 3                      | 180 ms | 180 ms                       | 20 s              |
   | low      | 2                      | 180 ms | 180 ms                       | 40 s              |
   | reminder | 1, a pure tone         | 100 ms |                              | 60 s              |

   Source: IEC 60601-1-8:2006, tables 3 and 4, as known; the standard is not public. High: pulses
   of 75-200 ms, gaps x of 50-125 ms, 2x + pulse from the 3rd to the 4th, 0.35-1.30 s from the 5th
   to the 6th, 2.5-15 s to the next burst. Medium: 125-250 ms, gaps of 125-250 ms, 2.5-30 s. Low:
   the same pulse, more than 15 s. Pulses and gaps are measured where the envelope is at 90 %; it
   rises from 10 to 90 % within 10-20 % of the pulse. The fundamental is 150-1000 Hz, with at least
   four harmonics in 300-4000 Hz that are no more than 15 dB from it.

   Each priority comes half as often as the one above it, so the rhythm alone tells them apart from
   the next room; a medium alarm has called three times when, after 60 s, it is put on all screens.
   The patient's melodies rise, the equipment's fall. None starts below 390 Hz: the loudspeaker of a
   tablet has nothing there.

   The page decides nothing. `vigil:sound` on document says what the server wants to be heard. */
(() => {
  'use strict';

  const RATE = 48000; // of what is rendered for a test
  const AHEAD_S = 90; // a hidden tab may run its timers once a minute only
  const LEAD_S = 0.02; // the present moment is already being played
  const FADE_S = 0.02; // a burst that is cut short
  const AFTER_S = 1; // between a worse sound that has ended and a milder one
  const APART_S = 1; // between an alarm and what is none
  const TICK_MS = 1000;
  const STALLED_MS = 3000; // an audio clock that stands so long has lost its device
  const RENEW_MS = 5000;
  const REMIND_S = 60;
  const NOT_LIVE_MS = 5000; // a socket that comes back sooner is no alarm
  const FLOOR_EVERY_MS = 5 * 60 * 1000;
  const FLOOR = 50, VOLUME = 80; // until the clinic and the person have said otherwise
  const QUIETEST_DB = 40; // how far volume 0 lies below 100

  const high = {pulse_s: 0.13, every_s: 10, level: 0.75,
    gaps_s: [0.09, 0.09, 0.31, 0.09, 0.7, 0.09, 0.09, 0.31, 0.09]};
  const medium = {pulse_s: 0.18, every_s: 20, level: 0.55, gaps_s: [0.18, 0.18]};
  const low = {pulse_s: 0.18, every_s: 40, level: 0.42, gaps_s: [0.18]};
  const SHAPE = {high, medium, low};
  const G4 = 392, B4 = 493.88, D5 = 587.33, G5 = 783.99, E5 = 659.26;
  const MELODY = {
    physiological:
      {high: [G4, B4, D5, D5, G5, G4, B4, D5, D5, G5], medium: [G4, B4, D5], low: [G4, B4]},
    technical:
      {high: [G5, G4, G4, G5, G4, G5, G4, G4, G5, G4], medium: [G5, G4, G4], low: [B4, G4]},
  };
  const REMINDER = {pulse_s: 0.1, level: 0.2, frequency: E5}; // with any alarm still below 1
  const HARMONICS = [1, 0.8, 0.65, 0.5, 0.4]; // the fifth is 8 dB down, and of G5 still below 4 kHz
  const RAMP = 0.25; // of a pulse; a raised cosine that long takes 15 % of it from 10 to 90 %
  const SHOULDER = 0.205; // of a ramp: what lies above 90 %
  const RANK = {low: 1, medium: 2, high: 3};
  const NOT_LIVE = {priority: 'high', kind: 'technical'};

  const rank = sound => sound ? 2 * RANK[sound.priority] + (sound.kind === 'physiological') : 0;
  const isSame = (one, other) => rank(one) === rank(other);
  const worst = (one, other) => rank(one) >= rank(other) ? one : other;

  // The sound that an event's detail asks for, null for silence; undefined where it makes no sense.
  const asksFor = detail => {
    const {priority = null, kind = null} = detail?.sound ?? {};
    if (priority === null) return null;
    if (Object.hasOwn(SHAPE, priority) && Object.hasOwn(MELODY, kind)) return {priority, kind};
  };

  // ---- Pulses and bursts: nothing here knows of the page ----------------------------------------

  // Of the pulse that is heard: what lies between its foot and 90 %, and from foot to foot.
  const FOOT = (1 - SHOULDER) * RAMP, WHOLE = 1 + 2 * FOOT;

  // One curve, not a rise and a fall: two that are put in late can collide, which is an error.
  const ENVELOPE = Float32Array.from({length: 512}, (_, i) => {
    const at = i / 511 * WHOLE, up = Math.min(at, WHOLE - at) / RAMP;
    return up < 1 ? (1 - Math.cos(Math.PI * up)) / 2 : 1;
  });

  const waves = new WeakMap();
  const waveOf = context => { // its peak is 1: the browser scales it
    if (!waves.has(context)) {
      waves.set(context, context.createPeriodicWave(
        new Float32Array(HARMONICS.length + 1), Float32Array.from([0, ...HARMONICS])));
    }
    return waves.get(context);
  };

  // One pulse whose envelope first reaches 90 % at `at`.
  const pulse = (context, destination, {frequency, level, pulse_s, isPure = false}, at) => {
    const begin = Math.max(0, at - FOOT * pulse_s), end = begin + WHOLE * pulse_s;
    const tone = context.createOscillator(), envelope = context.createGain();
    if (!isPure) tone.setPeriodicWave(waveOf(context));
    tone.frequency.value = frequency;
    envelope.gain.value = 0;
    envelope.gain.setValueCurveAtTime(ENVELOPE.map(v => v * level), begin, end - begin);
    tone.connect(envelope).connect(destination);
    tone.onended = () => envelope.disconnect();
    tone.start(begin);
    tone.stop(end);
    return {tone, begin, end};
  };

  // One burst whose first pulse begins to rise at `at`. Gives its pulses.
  const bursts = (context, destination, {priority, kind}, at) => {
    const {pulse_s, gaps_s, level} = SHAPE[priority];
    let next = at + FOOT * pulse_s;
    return MELODY[kind][priority].map((frequency, i) => {
      const one = pulse(context, destination, {frequency, level, pulse_s}, next);
      next += pulse_s + (gaps_s[i] ?? 0);
      return one;
    });
  };

  const loudness = volume => 10 ** ((volume - 100) / 100 * QUIETEST_DB / 20);

  // Plays what is wanted, burst after burst, some way ahead on the clock of the audio.
  const playerOf = (context, destination) => {
    let sound = null, bus = null, next = 0, pulses = [];
    let reminders = [], remindAt = null;

    const fill = () => {
      const now = context.currentTime;
      pulses = pulses.filter(({end}) => end > now);
      reminders = reminders.filter(({end}) => end > now);
      while (sound && next < now + AHEAD_S) {
        next = Math.max(next, now + LEAD_S); // late: begin again, do not run after
        pulses.push(...bursts(context, bus, sound, next));
        next += SHAPE[sound.priority].every_s;
      }
      while (remindAt !== null && remindAt < now + AHEAD_S) {
        const at = clear(Math.max(remindAt, now + LEAD_S), REMINDER.pulse_s);
        reminders.push(pulse(context, destination, {...REMINDER, isPure: true}, at));
        remindAt = Math.max(remindAt, now) + REMIND_S;
      }
    };

    // When a sound of that length can be heard by itself: not under a burst that is planned.
    const clear = (at, length) => {
      for (const {begin, end} of pulses) {
        if (at + length > begin - APART_S && at < end + APART_S) at = end + APART_S;
      }
      return at;
    };

    const stopLater = (list, now) => list.filter(({tone, begin}) => {
      if (begin <= now) return true;
      tone.onended = null;
      tone.stop();
      tone.disconnect();
      return false;
    });

    // At the end of the pulse that is heard: half a pulse is a click.
    const release = now => {
      pulses = stopLater(pulses, now);
      return Math.max(now, ...pulses.map(({end}) => end));
    };

    const cut = now => {
      release(now);
      if (!pulses.length) return now;
      bus.gain.setValueAtTime(1, now);
      bus.gain.linearRampToValueAtTime(0, now + FADE_S);
      for (const {tone} of pulses) tone.stop(now + FADE_S);
      pulses = [];
      return now + FADE_S;
    };

    const want = asked => { // gives whether that is worse than what was wanted before
      const isWorse = rank(asked) > rank(sound);
      if (!isSame(asked, sound)) {
        const now = context.currentTime, wasHeard = sound !== null;
        const quiet = isWorse ? cut(now) : release(now);
        sound = asked;
        bus = context.createGain();
        bus.connect(destination);
        next = quiet + (isWorse || !wasHeard ? LEAD_S : AFTER_S);
      }
      fill();
      return isWorse;
    };

    const again = () => { // from the first pulse: what was cut off by a block is no burst
      const now = context.currentTime;
      if (!sound) return;
      next = cut(now) + LEAD_S;
      bus = context.createGain();
      bus.connect(destination);
      fill();
    };

    const remind = is => {
      if (is && remindAt === null) remindAt = context.currentTime + REMIND_S;
      if (!is && remindAt !== null) {
        remindAt = null;
        reminders = stopLater(reminders, context.currentTime);
      }
      fill();
    };

    return {want, again, remind, clear};
  };

  // ---- This screen ------------------------------------------------------------------------------

  let context = null, output = null, player = null, testing = null;
  let clockAt = 0, movedAt = 0, renewedAt = -Infinity, told = null;
  let asked = null, isPaused = false, notLiveSince = null;

  const kept = (name, other) => {
    try {
      const value = localStorage.getItem(name);
      return value === null || !Number.isFinite(Number(value)) ? other : Number(value);
    } catch { return other; } // a browser that may keep nothing
  };
  const keep = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* as above */ }
  };
  const percent = value => Math.min(100, Math.max(0, Math.round(Number(value))));

  let floor = percent(kept('vigil-volume-floor', FLOOR));
  let chosen = percent(kept('vigil-volume', VOLUME));
  const volume = () => Math.max(floor, chosen);

  const setLevel = () => {
    if (context) output.gain.setTargetAtTime(loudness(volume()), context.currentTime, 0.01);
    tell();
  };
  const setVolume = value => {
    if (!Number.isFinite(Number(value))) return;
    chosen = percent(value);
    keep('vigil-volume', chosen);
    setLevel();
  };
  const setFloor = value => {
    if (!Number.isFinite(value)) return;
    floor = percent(value);
    keep('vigil-volume-floor', floor);
    setLevel();
  };

  const isStalled = () => { // timers may be late, so it is asked of the clock itself
    const now = performance.now();
    if (context?.currentTime !== clockAt || context?.state !== 'running') {
      clockAt = context?.currentTime;
      movedAt = now; // held back by the browser is no fault of the device
    }
    return now - movedAt > STALLED_MS;
  };
  const state = () => context?.state === 'running' && !isStalled() ? 'running' : 'blocked';

  const tell = () => {
    dress();
    const detail = {state: state(), isHidden: document.hidden, volume: volume(), floor};
    if (JSON.stringify(detail) === told) return;
    told = JSON.stringify(detail);
    document.dispatchEvent(new CustomEvent('vigil:sound-state', {detail}));
  };

  const build = () => {
    context?.close().catch(() => {});
    context = player = null;
    renewedAt = movedAt = performance.now();
    clockAt = 0;
    try { context = new AudioContext(); } catch { return; } // this browser has no audio at all
    output = context.createGain();
    output.gain.value = loudness(volume());
    output.connect(context.destination);
    player = playerOf(context, output);
    testing = null;
    const mine = context;
    context.onstatechange = () => {
      if (mine !== context) return;
      movedAt = performance.now();
      if (context.state === 'running') player.again();
      tell();
    };
    sound();
  };

  const wake = () => { // only a gesture may start what the browser holds back
    if (context?.state === 'running' && !isStalled()) return;
    if (!context || context.state === 'closed' || isStalled()) build();
    context?.resume().catch(() => {});
  };

  const sound = () => {
    if (!player) return;
    const isLost = notLiveSince !== null && performance.now() - notLiveSince >= NOT_LIVE_MS;
    const wanted = isLost ? worst(NOT_LIVE, asked) : asked;
    if (player.want(wanted)) endTest();
    player.remind(isPaused);
  };

  document.addEventListener('vigil:sound', ({detail}) => {
    const wanted = asksFor(detail);
    if (wanted !== undefined) asked = wanted; // what makes no sense silences nothing
    isPaused = Boolean(detail?.paused?.length);
    if (detail?.isLive ?? true) notLiveSince = null;
    else notLiveSince ??= performance.now();
    sound();
  });

  const tick = () => {
    tell();
    if (isStalled() && performance.now() - renewedAt > RENEW_MS) build();
    sound();
  };

  for (const name of ['pointerdown', 'pointerup', 'touchend', 'click', 'keydown']) {
    document.addEventListener(name, wake, {capture: true, passive: true});
  }
  document.addEventListener('visibilitychange', tick);
  document.addEventListener('resume', () => { player?.again(); tick(); }); // the tab was frozen
  navigator.mediaDevices?.addEventListener?.(
    'devicechange', () => context?.resume().catch(() => {}));

  // ---- Test tones -------------------------------------------------------------------------------

  // One burst in the first gap that the alarms leave. Gives in how many seconds it begins and ends.
  const test = (priority, kind = 'physiological') => {
    wake();
    if (!player || !asksFor({sound: {priority, kind}})) return null;
    endTest();
    testing = context.createGain();
    testing.connect(output);
    const {pulse_s, gaps_s} = SHAPE[priority], now = context.currentTime;
    const length = gaps_s.reduce((sum, gap_s) => sum + pulse_s + gap_s, 2 * pulse_s);
    const at = player.clear(now + LEAD_S, length);
    const pulses = bursts(context, testing, {priority, kind}, at);
    return {in_s: at - now, until_s: pulses.at(-1).end - now};
  };

  const endTest = () => {
    testing?.gain.setTargetAtTime(0, context.currentTime, FADE_S / 4);
    testing = null;
  };

  // What would be heard here, at this volume, as samples: `script` is [[at_s, event detail], ...].
  const rehearse = async (script, seconds) => {
    const offline = new OfflineAudioContext(1, Math.round(seconds * RATE), RATE);
    const gain = offline.createGain();
    gain.gain.value = loudness(volume());
    gain.connect(offline.destination);
    const rehearsed = playerOf(offline, gain);
    const step = detail => {
      const wanted = asksFor(detail);
      if (wanted !== undefined) rehearsed.want(wanted);
      rehearsed.remind(Boolean(detail?.paused?.length));
    };
    for (const [at, detail] of script) {
      if (at <= 0) step(detail);
      else offline.suspend(at).then(() => { step(detail); offline.resume(); });
    }
    return (await offline.startRendering()).getChannelData(0);
  };
  const render = (priority, kind, seconds) =>
    rehearse([[0, {sound: {priority, kind}}]], seconds);

  // ---- The page of the sound, and the line that asks for the test -----------------------------

  const SHOWN_MS = 3000; // a colour, also where its tone is shorter
  const PAGE = '/sound', COOKIE = 'vigil_sound=tested';
  const at = id => document.getElementById(id);
  const say = (el, words) => { if (el) el.textContent = words; };
  const played = new Set();
  let cameFrom = '/';

  let lit = 0;

  const play = priority => {
    const plan = test(priority);
    say(at('sound-said'), !plan ? 'This browser makes no sound.'
      : plan.in_s > APART_S ? 'An alarm is sounding: the tone comes after it.' : '');
    clearTimeout(lit);
    light(null);
    if (!plan) return;
    const for_ms = 1000 * (plan.until_s - plan.in_s);
    lit = setTimeout(light, 1000 * plan.in_s, priority, for_ms);
  };

  const light = (priority, for_ms) => { // the colour comes with the tone
    for (const el of document.querySelectorAll('[data-tone]')) {
      if (el.dataset.tone === priority) el.dataset.playing = 'true'; else delete el.dataset.playing;
    }
    if (priority === null) return;
    if (state() === 'running') played.add(priority);
    lit = setTimeout(light, Math.max(SHOWN_MS, for_ms), null);
  };

  document.addEventListener('click', ({target}) => {
    const tone = target.closest?.('[data-sound-test]');
    if (tone) play(tone.dataset.soundTest);
    if (target.closest?.('#sound-untested a')) cameFrom = location.pathname;
    if (target.closest?.('[id*="sound-heard"]')) { // before Dash sends what it knows of this screen
      window.dash_clientside?.set_props?.('sound-screen',
        {data: {volume: volume(), state: state(), played: [...played]}});
    }
  }, true);

  // What came of an answer; gives the page that the person came from, once they are done here.
  const answered = answer => {
    if (!answer) return;
    say(at('sound-said'), answer.said);
    if (!answer.isDone) return say(at('sound-untested-said'), answer.said);
    // It ends with the browser; a sign-in and a sign-out take it away before.
    document.cookie = [COOKIE, 'path=/', 'samesite=strict',
      ...location.protocol === 'https:' ? ['secure'] : []].join('; ');
    dress();
    if (location.pathname === PAGE) return cameFrom;
  };

  const isTested = () => document.cookie.split('; ').includes(COOKIE);

  const slider = place => { // React has put the place here and nothing in it
    const label = document.createElement('label'), level = document.createElement('input');
    const words = document.createElement('output');
    Object.assign(level, {type: 'range', min: '0', max: '100', step: '5', value: String(volume())});
    level.setAttribute('aria-label', 'Volume');
    level.addEventListener('input', () => { setVolume(level.value); show(); });
    level.addEventListener('change', () => { level.value = String(volume()); show(); });
    const show = () => { words.textContent = `${volume()} %, the floor is ${floor} %`; };
    label.append(level, words);
    place.append(label);
    show();
  };

  const dress = () => {
    const told = document.querySelector('[data-sound-floor]')?.dataset.soundFloor;
    if (told && Number(told) !== floor) {
      setFloor(Number(told));
      at('sound-volume')?.replaceChildren();
    }
    const line = at('sound-untested');
    const isDue = !isTested() && location.pathname !== PAGE;
    if (line && line.hidden === isDue) line.hidden = !isDue;
    const level = at('sound-level'), words = `Sound ${volume()} %`;
    if (level && level.textContent !== words) level.textContent = words;
    const place = at('sound-volume');
    if (place && !place.firstChild) slider(place);
  };

  new MutationObserver(dress).observe(document.documentElement,
    {childList: true, subtree: true, attributeFilter: ['data-sound-floor']});

  window.vigilSound = {state, test, render, rehearse, volume, setVolume, setFloor, answered};

  build();
  dress();
  setInterval(tick, TICK_MS);
  setTimeout(tell, 300); // a browser that allows sound may need a moment to begin
})();
