// Events that the server has not acknowledged yet, in the browser's storage, which outlives the page. An event is kept
// before it is sent and taken out when the server has said what became of it. Knows nothing of requests.

const LIMIT = 1000;

export class Outbox {
  /** One outbox for each listener; two pages of one listener share it. */
  constructor(listenerId, storage = localStorage) {
    this.place = `segue-outbox:${listenerId}`;
    this.storage = storage;
  }

  get length() {
    return this.all().length;
  }

  all() {
    try {
      return JSON.parse(this.storage.getItem(this.place) ?? "[]");
    } catch {
      return []; // somebody else wrote there; better lose that than every event from now on
    }
  }

  /** Return the events that were added before this one, all where it is null. */
  before(eventId) {
    const all = this.all();
    const end = all.findIndex((event) => event.event_id === eventId);
    return end < 0 ? all : all.slice(0, end);
  }

  /** Keep an event; the oldest makes room where there is none. */
  add(event) {
    this.#keep([...this.all(), event].slice(-LIMIT));
  }

  /** Take out what the server has dealt with. */
  done(eventIds) {
    const gone = new Set(eventIds);
    this.#keep(this.all().filter((event) => !gone.has(event.event_id)));
  }

  clear() {
    this.#keep([]);
  }

  #keep(events) {
    if (events.length) this.storage.setItem(this.place, JSON.stringify(events));
    else this.storage.removeItem(this.place);
  }
}
