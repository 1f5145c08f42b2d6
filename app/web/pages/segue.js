// The client for the browser: what a page may ask of Segue. It knows nothing of any page, and needs no build step:
//
//   import { Segue } from "/assets/segue.js";
//   const segue = new Segue();
//   const ann = segue.listener("user-4711");
//   const upNext = await ann.played("queen-bohemian-rhapsody", { n: 10 });
//   for await (const told of ann.stream({ n: 10 })) console.log(told.event, told.data);
//
// docs/integrating.md tells the rest.

import { Outbox } from "./outbox.js";
import { follow } from "./stream.js";
import { LATER, Refused, Unavailable, pause, refusal } from "./trying.js";

export { Refused, Unavailable };

const KEY_AT = "segue-key";
const AT_ONCE = 200;
const JSON_BODY = { "Content-Type": "application/json" };

/** The key that a person typed, kept until the tab is closed; null where none was. */
export const keptKey = () => sessionStorage.getItem(KEY_AT);

/** Keep a key until the tab is closed; null forgets it. */
export function keepKey(key) {
  if (key) sessionStorage.setItem(KEY_AT, key);
  else sessionStorage.removeItem(KEY_AT);
}

/** One Segue. Each call resolves to the JSON that docs/api.md shows, or throws Refused or Unavailable. */
export class Segue {
  /** `base` is where it is, this page's own server if empty; `key` returns the API key or null. */
  constructor({ base = "", key = keptKey, attempts = 4, firstPauseMs = 200, longestPauseMs = 5000 } = {}) {
    Object.assign(this, { base, key, attempts, firstPauseMs, longestPauseMs });
  }

  /** Return a listener; `consent: false` has nothing stored, neither here nor there. */
  listener(listenerId, { consent = true } = {}) {
    return new Listener(this, listenerId, consent);
  }

  /** Find tracks by title, artist or both; typos are forgiven. */
  async search(query, { limit = 20, signal } = {}) {
    return (await this.json("GET", `/v1/tracks?${new URLSearchParams({ q: query, limit })}`, { signal })).tracks;
  }

  /** Look one track up. */
  track(trackId) {
    return this.json("GET", `/v1/tracks/${encodeURIComponent(trackId)}`);
  }

  /** The places of the most popular tracks of a checkpoint, under its id or a label. */
  songMap(checkpointId, { limit = 5000, signal } = {}) {
    return this.json("GET", `/v1/models/${encodeURIComponent(checkpointId)}/map?limit=${limit}`, { signal });
  }

  /** Play ahead; `asked` is the body of POST /v1/playlists. */
  playlist(asked, { signal } = {}) {
    return this.json("POST", "/v1/playlists", { body: asked, signal });
  }

  /** The same as a playlist file, as text: as `application/vnd.apple.mpegurl`, `…/xspf+xml` or `…/jspf+json`. */
  async playlistFile(asked, mediaType) {
    return (await this.request("POST", "/v1/playlists", { body: asked, accept: mediaType })).text();
  }

  /** Call and read JSON. */
  async json(method, path, options) {
    return (await this.request(method, path, options)).json();
  }

  /** Call, again where that may help. Trying again is safe for whatever carries ids of its own: events do. */
  async request(method, path, { body, accept = "application/json", headers = {}, signal, attempts } = {}) {
    const most = attempts ?? this.attempts;
    let failure;
    for (let turn = 0; turn < most; turn += 1) {
      let waitMs = Math.random() * Math.min(this.longestPauseMs, this.firstPauseMs * 2 ** turn);
      try {
        const response = await fetch(this.base + path, {
          method,
          headers: this.headers({ ...(body === undefined ? {} : JSON_BODY), Accept: accept, ...headers }),
          body: body === undefined ? undefined : JSON.stringify(body),
          signal,
          cache: "no-store",
        });
        if (response.ok) return response;
        const refused = await refusal(response);
        if (!LATER.has(response.status)) throw refused;
        failure = refused;
        const askedMs = 1000 * Number(response.headers.get("Retry-After") ?? 0);
        waitMs = Math.max(waitMs, Math.min(askedMs || 0, this.longestPauseMs));
      } catch (error) {
        if (error instanceof Refused || error.name === "AbortError") throw error;
        failure = error;
      }
      if (turn + 1 < most) await pause(waitMs, signal);
    }
    throw new Unavailable(`${method} ${path} was tried ${most} times. The last time: ${failure.message}`, failure);
  }

  /** Read server-sent events over as many connections as it takes: see `follow` in stream.js. */
  follow(path, options) {
    return follow(this, path, options);
  }

  headers(more = {}) {
    const key = this.key();
    return { ...(key ? { Authorization: `Bearer ${key}` } : {}), ...more };
  }

  /** How long to wait after the n-th failure in a row, in milliseconds; random, so that not all come at once. */
  pauseMs(failures) {
    return Math.random() * Math.min(this.longestPauseMs, this.firstPauseMs * 2 ** Math.min(failures, 10));
  }
}

/** One listener. What is reported is kept in the browser until the server has it. */
export class Listener {
  constructor(segue, listenerId, consent) {
    this.segue = segue;
    this.listenerId = listenerId;
    this.consent = consent;
    this.recent = [];
    this.outbox = consent ? new Outbox(listenerId) : null;
    this.path = `/v1/listeners/${encodeURIComponent(listenerId)}`;
  }

  /** What may come next; `asked` are further fields of POST /v1/next. */
  async next(asked = {}, { signal } = {}) {
    await this.flush();
    return this.#ranked(asked, signal);
  }

  played(trackId, asked) {
    return this.report("played", trackId, asked);
  }

  finished(trackId, asked) {
    return this.report("finished", trackId, asked);
  }

  skipped(trackId, asked) {
    return this.report("skipped", trackId, asked);
  }

  liked(trackId, asked) {
    return this.report("liked", trackId, asked);
  }

  disliked(trackId, asked) {
    return this.report("disliked", trackId, asked);
  }

  /** Report what the listener did, and return what comes next. Throws Unavailable, and keeps the event. */
  async report(type, trackId, asked = {}) {
    const event = this.#event(type, trackId);
    this.#hear(type, trackId);
    if (!this.consent) return this.#ranked({ ...asked, event: { type, track_id: trackId } });
    this.outbox.add(event);
    await this.flush(event.event_id);
    try {
      const answer = await this.#ranked({ ...asked, event });
      // Without its session store the server answers, but could not take the event in: it has to be sent again.
      if (!answer.degraded.length || answer.events.every((one) => one.outcome !== "rejected")) {
        this.outbox.done([event.event_id]);
      }
      return answer;
    } catch (error) {
      // What is refused now would be refused for ever.
      if (error instanceof Refused && !error.isOfTheKey) this.outbox.done([event.event_id]);
      throw error;
    }
  }

  /** Keep an event, to be sent before the next call: for a page that knows that nobody would answer now. */
  keep(type, trackId) {
    this.#hear(type, trackId);
    this.outbox?.add(this.#event(type, trackId));
  }

  /** Send the events that wait, oldest first, up to the one named; return how many. */
  async flush(before = null) {
    let sent = 0;
    while (this.consent) {
      const waiting = this.outbox.before(before).slice(0, AT_ONCE);
      if (!waiting.length) break;
      const events = waiting.map((event) => ({ listener_id: this.listenerId, ...event }));
      await this.segue.json("POST", "/v1/events", { body: { events } });
      // One outcome each, whatever it is: what is rejected now will never be taken.
      this.outbox.done(waiting.map((event) => event.event_id));
      sent += waiting.length;
    }
    return sent;
  }

  /** The next tracks now and whenever they change: yields `{ event: "next" | "model" | "bye", data }`. */
  stream({ n = 20, artistGap = 0, signal, onState } = {}) {
    const query = new URLSearchParams({ n, artist_gap: artistGap });
    return this.segue.follow(`${this.path}/stream?${query}`, { signal, onState });
  }

  /** Block an artist or a track, for good or until a time. */
  block({ artist, trackId, until = null }) {
    const body = artist ? { artists: [{ artist, until }] } : { tracks: [{ track_id: trackId, until }] };
    return this.segue.json("PUT", `${this.path}/blocks`, { body });
  }

  /** Lift a block. */
  unblock({ artist, trackId }) {
    const query = new URLSearchParams(artist ? { artist } : { track_id: trackId });
    return this.segue.json("DELETE", `${this.path}/blocks?${query}`);
  }

  /** Begin anew: what was heard no longer counts, blocks stay. Tells whether anything was known of the listener. */
  async restart({ keepRecent = false } = {}) {
    this.recent = [];
    this.outbox?.clear();
    return this.#ifKnown(() => this.segue.request("POST", `${this.path}/reset`, { body: { keep_recent: keepRecent } }));
  }

  /** What the server remembers of the listener. */
  show() {
    return this.segue.json("GET", this.path);
  }

  /** Have everything deleted that is remembered. */
  async forget() {
    this.recent = [];
    this.outbox?.clear();
    return this.#ifKnown(() => this.segue.request("DELETE", this.path));
  }

  async #ifKnown(doing) {
    try {
      await doing();
      return true;
    } catch (error) {
      if (error.code === "unknown_listener") return false;
      throw error;
    }
  }

  #ranked(asked, signal) {
    const who = this.consent ? { listener_id: this.listenerId } : { consent: false };
    const recent = asked.event && this.recent.at(-1) === asked.event.track_id ? this.recent.slice(0, -1) : this.recent;
    return this.segue.json("POST", "/v1/next", { body: { ...who, recent, ...asked }, signal });
  }

  #event(type, trackId) {
    return { event_id: randomId(), type, track_id: trackId, at: new Date().toISOString() };
  }

  #hear(type, trackId) {
    if ((type === "played" || type === "seeded") && this.recent.at(-1) !== trackId) this.recent.push(trackId);
    if (type === "skipped" || type === "disliked") this.recent = this.recent.filter((one) => one !== trackId);
    this.recent = this.recent.slice(-50); // as many as the server remembers by default
  }
}

/** Return an id nobody else makes. `crypto.randomUUID` is there for secure pages only, and a radio at home is none. */
export function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
