// The figures at the top: whether it answers, how much, how fast, and what the session store holds.

import { bytes, count, rounded, seconds } from "./dashboard-figures.js";
import { element } from "./elements.js";

const ORDER = ["Service", "Next tracks", "Nine in ten within", "Serving", "Session store", "Listeners", "Redis memory", "Event log waits"];

/** The tiles on the page. Each `show…` brings what it knows; the others stay. */
export class Tiles {
  #told = new Map();

  constructor(place) {
    this.place = place;
    for (const name of ORDER) this.#tell(name, "–");
  }

  showReady(status, ready) {
    const isReady = status === 200;
    this.#tell("Service", isReady ? "ready" : (ready.code ?? "away"), isReady ? "" : (ready.detail ?? ""), isReady ? "good" : "bad");
    this.#tell("Serving", isReady ? ready.checkpoint_id : "–", isReady && ready.refused ? `refused: ${ready.refused.checkpoint_id}` : "", isReady && ready.refused ? "bad" : "", "id");
    if (!isReady) return;
    const isUp = ready.session_store === "up";
    this.#tell("Session store", ready.session_store, isUp ? "" : "answers are degraded", isUp ? "good" : "bad");
  }

  showAway() {
    this.#tell("Service", "away", "nobody answers", "bad");
  }

  showInterval(interval) {
    const { next, others } = interval.rates;
    this.#tell("Next tracks", `${rounded(next)} /s`, `${rounded(others)} /s other calls`);
    const [half, most] = [interval.quantileMs(0.5), interval.quantileMs(0.9)];
    this.#tell("Nine in ten within", most === null ? "–" : `${rounded(most)} ms`, half === null ? "no requests" : `half within ${rounded(half)} ms`);
  }

  showState({ listeners, listeners_are: are, bytes_per_listener: each, servers, event_log: log }) {
    this.#tell("Listeners", count(listeners), `${are}${each.p50 === null ? "" : `, ${bytes(each.p50)} each`}`);
    const used = servers.reduce((total, one) => total + one.used_memory, 0);
    const limits = servers.map((one) => one.maxmemory);
    const limit = limits.includes(null) ? null : limits.reduce((total, one) => total + one, 0);
    const isFull = limit !== null && used > 0.9 * limit;
    this.#tell("Redis memory", bytes(used), limit === null ? "no limit" : `of ${bytes(limit)}`, isFull ? "bad" : "");
    this.#tell("Event log waits", count(log.entries), log.oldest_s === null ? "all collected" : `the oldest for ${seconds(log.oldest_s)}`);
  }

  showStateAway(reason) {
    for (const name of ["Listeners", "Redis memory", "Event log waits"]) this.#tell(name, "–", reason);
  }

  #tell(name, value, more = "", kind = "", look = "") {
    if (!this.#told.has(name)) {
      const made = { value: element("span", {}), more: element("span", { class: "more" }) };
      made.tile = element("div", {}, element("dt", {}, name), element("dd", {}, made.value), element("dd", {}, made.more));
      this.#told.set(name, made);
      this.place.append(made.tile);
    }
    const made = this.#told.get(name);
    made.tile.className = `tile ${kind}`;
    made.value.className = `value ${look}`;
    if (made.value.textContent !== value) made.value.textContent = value;
    if (made.more.textContent !== more) made.more.textContent = more;
  }
}
