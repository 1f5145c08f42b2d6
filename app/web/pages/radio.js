// The radio: what is playing, what was heard, what may come next and what will. It tells `now`, `ranking`, `plan` and
// `away`; whoever shows it looks here. Knows nothing of the page.

import { inWords } from "./reasons.js";
import { Unavailable } from "./segue.js";
import { asked } from "./station.js";

const SHOWN = 20;

export class Radio extends EventTarget {
  #turn = Promise.resolve();
  #stream = null;
  #reasons = {};
  #isGoing = false;
  #isReturning = false;

  /** `isKnown`: whether the listener may have been heard of before. */
  constructor(segue, listenerId, isKnown) {
    super();
    this.isKnown = isKnown;
    this.segue = segue;
    this.listener = segue.listener(listenerId);
    this.station = null;
    this.now = null;
    this.heard = [];
    this.ranking = null;
    this.before = new Map();
    this.plan = [];
    this.next = null;
    this.isAway = false;
    this.liked = new Set();
  }

  /** Begin a station: what was heard before no longer counts, blocks stay. */
  async start(station) {
    this.station = station;
    this.#reset();
    if (this.isKnown) await this.#inTurn(() => this.listener.restart());
    this.isKnown = true;
    const seeds = await this.#seedsOf(station);
    if (!seeds.length) throw new Error(`There is nothing of ${station.label} in the catalogue.`);
    const first = seeds.at(-1);
    for (const seed of seeds.slice(0, -1)) await this.#report("seeded", seed.track_id, {});
    this.#follow();
    await this.play(first);
  }

  /** Change the station while it plays; new seeds are read on top of what was heard. */
  async change(station) {
    const added = station.seeds.filter((seed) => !this.station.seeds.some((old) => old.name === seed.name));
    const gap = this.station.gap !== station.gap;
    this.station = station;
    if (added.length) {
      const seeds = await this.#seedsOf(station.with({ seeds: added }));
      for (const seed of seeds) await this.#report("seeded", seed.track_id);
    }
    if (gap) {
      this.#follow();
      this.take(await this.#inTurn(() => this.listener.next({ n: SHOWN, ...station.rules })), { anew: true });
    }
    await this.#choose();
  }

  /** Play a track now and report it. */
  async play(track) {
    this.now = track;
    this.heard.push(track);
    this.plan = this.plan[0]?.track_id === track.track_id ? this.plan.slice(1) : [];
    this.next = null; // what was chosen is playing, or was passed over
    if (this.station.to && this.heard.length > 1 && this.#hasArrived(track)) {
      this.station = this.station.with({ to: null });
      this.#tell("arrived");
    }
    this.#tell("now");
    await this.#report("played", track.track_id);
  }

  /** Go on: with what was chosen, or with the best there is. */
  async goOn({ type = "finished" } = {}) {
    if (this.#isGoing) return; // a second click on what is under way
    this.#isGoing = true;
    try {
      await this.#goOn(type);
    } finally {
      this.#isGoing = false;
    }
  }

  async #goOn(type) {
    const left = this.now;
    if (left && type === "skipped") {
      this.heard.at(-1).skipped = true;
      await this.#report("skipped", left.track_id); // what comes next may change
    } else if (left) {
      void this.#report("finished", left.track_id, { choose: false });
    }
    const chosen = this.next ?? this.#left()[0];
    if (chosen) void this.play(chosen).catch((error) => this.#trouble(error));
    else this.#tell("dry");
  }

  /** Say that the track playing is liked. */
  async like() {
    if (!this.now || this.liked.has(this.now.track_id)) return;
    this.liked.add(this.now.track_id);
    this.#tell("liked");
    await this.#report("liked", this.now.track_id);
  }

  /** Never again this artist, and something else now. */
  async blockArtist() {
    const { artist } = this.now;
    await this.#inTurn(() => this.listener.block({ artist }));
    this.next = null;
    const { ranking } = this;
    if (ranking) this.ranking = { ...ranking, tracks: ranking.tracks.filter((track) => track.artist !== artist) };
    await this.goOn({ type: "skipped" });
  }

  /** Say why a track is in the newest ranking. */
  async why(trackId) {
    const { seq } = this.ranking;
    if (this.#reasons.seq !== seq) {
      this.#reasons = { seq, answer: this.listener.next({ n: SHOWN, ...this.station.rules, reasons: true }) };
    }
    return this.#inWords(trackId, await this.#reasons.answer);
  }

  /** Say why the track playing came: what was heard before it is all that counted. */
  async whyNow() {
    const recent = this.heard.slice(0, -1).filter((track) => !track.skipped);
    if (!recent.length) return "It begins the station.";
    const asked = { recent: recent.map((track) => track.track_id), n: 100, reasons: true };
    return this.#inWords(this.now.track_id, await this.segue.json("POST", "/v1/next", { body: asked }));
  }

  #inWords(trackId, answer) {
    const titles = new Map(this.heard.map((track) => [track.track_id, track.title]));
    const found = answer.tracks.find((track) => track.track_id === trackId);
    return found ? inWords(found.reasons, titles) : "You asked for it: it was not among the most probable.";
  }

  /** Take in a ranking, whichever way it came; an older one than the newest says nothing new. */
  take(answer, { anew = false } = {}) {
    const newest = this.ranking;
    const isNewer = anew ? answer.seq >= newest.seq : answer.seq > (newest?.seq ?? -1);
    if (newest?.checkpoint_id === answer.checkpoint_id && !isNewer) return;
    if (newest && newest.seq !== answer.seq) this.before = places(newest);
    this.ranking = answer;
    if (newest && newest.checkpoint_id !== answer.checkpoint_id) this.#tell("model");
    this.#tell("ranking");
  }

  /** Stop following; nothing is forgotten. */
  stop() {
    this.#stream?.abort();
  }

  #reset() {
    Object.assign(this, { now: null, heard: [], ranking: null, before: new Map(), plan: [], next: null });
    this.liked.clear();
  }

  /** Return the tracks that seeds stand for; the last is to be played. */
  async #seedsOf(station) {
    const answer = await this.segue.playlist({ seeds: station.seeds.map(asked), n: 1 });
    const ids = answer.seeds.length ? answer.seeds : answer.tracks.map((track) => track.track_id);
    return Promise.all(ids.slice(-6).map((id) => this.segue.track(id)));
  }

  /** Report; the answer is the newest ranking. Away from the server the music goes on with what is left of the last. */
  async #report(type, trackId, { choose = true } = {}) {
    if (this.isAway) {
      this.listener.keep(type, trackId);
    } else {
      try {
        this.take(await this.#inTurn(() => this.listener.report(type, trackId, { n: SHOWN, ...this.station.rules })));
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        this.#leave();
      }
    }
    if (choose) await this.#choose();
  }

  /** Choose what plays next: the next of the way where there is one, else a draw from the ranking. */
  async #choose() {
    if (this.station.to && !this.plan.length && !this.isAway) {
      try {
        const n = Math.max(2, this.station.way - this.heard.length + 1);
        const body = { ...this.station.playlist(this.listener.listenerId, n), to: asked(this.station.to) };
        this.plan = (await this.segue.playlist(body)).tracks;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
      }
    }
    if (!this.station.to) this.plan = [];
    this.next = this.plan[0] ?? this.#drawn();
    this.#tell("plan");
  }

  #drawn() {
    const left = this.#left();
    const { temperature } = this.station;
    if (temperature === 0 || left.length < 2) return left[0] ?? null;
    const weights = left.map((track) => track.probability ** (1 / temperature));
    let chance = Math.random() * weights.reduce((sum, weight) => sum + weight, 0);
    return left.find((_, place) => (chance -= weights[place]) <= 0) ?? left[0];
  }

  /** What is left of the newest ranking. */
  #left() {
    const gone = new Set(this.heard.map((track) => track.track_id));
    return (this.ranking?.tracks ?? []).filter((track) => !gone.has(track.track_id));
  }

  #hasArrived(track) {
    const { kind, name } = this.station.to;
    if (kind === "track") return track.track_id === name;
    return this.heard.length >= this.station.way;
  }

  /** Follow the listener's stream: another device may play, a model may change, a server may come back. */
  async #follow() {
    this.#stream?.abort();
    const stream = (this.#stream = new AbortController());
    const told = this.listener.stream({
      n: SHOWN,
      artistGap: this.station.gap,
      signal: stream.signal,
      onState: (state) => (state === "lost" ? this.#leave() : this.#comeBack()),
    });
    try {
      for await (const { event, data } of told) if (event === "next" && !data.degraded.length) this.take(data);
    } catch (error) {
      this.#trouble(error);
    }
  }

  /** The server is gone: say so, and look for it until it is back. */
  async #leave() {
    if (this.isAway) return;
    this.#away(true);
    while (this.isAway) {
      await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 1000));
      await this.#comeBack();
    }
  }

  /** Tell the server what it missed, if it answers. */
  async #comeBack() {
    if (!this.isAway || this.#isReturning) return;
    this.#isReturning = true;
    try {
      const sent = await this.#inTurn(() => this.listener.flush());
      this.take(await this.listener.next({ n: SHOWN, ...this.station.rules }));
      this.#away(false, sent);
      await this.#choose();
    } catch (error) {
      if (!(error instanceof Unavailable)) this.#trouble(error);
    } finally {
      this.#isReturning = false;
    }
  }

  #away(isAway, sent = 0) {
    this.isAway = isAway;
    this.dispatchEvent(new CustomEvent("away", { detail: { isAway, sent } }));
  }

  #trouble(error) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
  }

  /** One after the other: what was heard first is told first. */
  #inTurn(doing) {
    const done = this.#turn.then(doing);
    this.#turn = done.catch(() => {});
    return done;
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}

const places = (ranking) =>
  new Map(ranking.tracks.map((track) => [track.track_id, { rank: track.rank, probability: track.probability }]));
