// Search as you type: a combobox (WAI-ARIA Authoring Practices, "list autocomplete") of tracks, artists and tags.
// Knows nothing of what is done with what was found.

import { element, icon } from "./elements.js";

const WAIT_MS = 120;
const MOST = { track: 7, artist: 3, tag: 4 };
const TITLES = { artist: "Artists", tag: "Tags", track: "Tracks" };

let made = 0;

export class Finder {
  #options = [];
  #chosen = -1;
  #asking = null;
  #timer;

  /** `search(text, signal)` finds tracks, `tags()` are all there are, `onPick` hears `{ kind, name, label }`. */
  constructor(place, { label, search, tags, onPick }) {
    Object.assign(this, { search, tags, onPick });
    made += 1;
    const id = `finder-${made}`;
    const listId = `${id}-list`;
    this.list = element("div", { class: "found", id: listId, role: "listbox", "aria-label": label, hidden: true });
    this.says = element("p", { class: "spoken", role: "status" });
    this.field = element("input", {
      type: "search",
      id,
      placeholder: label,
      autocomplete: "off",
      spellcheck: false,
      role: "combobox",
      "aria-label": label,
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      "aria-controls": `${id}-list`,
      on: {
        input: () => this.#typed(),
        keydown: (event) => this.#key(event),
        focus: () => this.#options.length && this.field.value.trim() && this.#open(true),
        blur: () => setTimeout(() => this.#open(false), 150), // a click on an option comes first
      },
    });
    place.append(icon("M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14", "m20 20-4-4"), this.field, this.list, this.says);
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const text = this.field.value.trim();
    if (!text) return this.#show([]);
    this.#timer = setTimeout(() => this.#ask(text), WAIT_MS);
  }

  async #ask(text) {
    const asking = (this.#asking = new AbortController());
    try {
      const tracks = await this.search(text, asking.signal);
      if (asking.signal.aborted) return;
      this.#show([...named(text, tracks, this.tags()), ...tracks.slice(0, MOST.track).map(ofTrack)]);
    } catch (error) {
      if (error.name !== "AbortError") this.says.textContent = error.message;
    }
  }

  #show(options) {
    this.#options = options;
    this.#chosen = -1;
    this.list.replaceChildren();
    let group = null;
    for (const [place, option] of options.entries()) {
      if (group?.dataset.kind !== option.kind) {
        const title = element("p", { class: "found-kind", "aria-hidden": "true" }, TITLES[option.kind]);
        const { kind } = option;
        group = element("div", { role: "group", "aria-label": TITLES[kind], dataset: { kind } }, title);
        this.list.append(group);
      }
      group.append(
        element(
          "div",
          {
            role: "option",
            id: `${this.field.id}-${place}`,
            "aria-selected": "false",
            on: { click: () => this.#pick(place) },
          },
          element("span", {}, option.title),
          element("span", { class: "soft" }, option.more),
        ),
      );
    }
    this.field.removeAttribute("aria-activedescendant");
    const found = this.field.value.trim();
    this.says.textContent = found ? `${options.length || "Nothing"} found` : "";
    this.#open(options.length > 0);
  }

  #open(isOpen) {
    this.list.hidden = !isOpen;
    this.field.setAttribute("aria-expanded", String(isOpen));
  }

  #key(event) {
    const last = this.#options.length - 1;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && last >= 0) {
      event.preventDefault();
      this.#open(true);
      const from = this.#chosen < 0 && step < 0 ? 0 : this.#chosen;
      this.#mark((from + step + last + 1) % (last + 1));
    } else if (event.key === "Enter" && last >= 0) {
      event.preventDefault();
      this.#pick(Math.max(0, this.#chosen));
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (this.list.hidden) this.field.value = "";
      this.#open(false);
    }
  }

  #mark(place) {
    this.#chosen = place;
    for (const option of this.list.querySelectorAll("[role=option]")) {
      const isIt = option.id === `${this.field.id}-${place}`;
      option.setAttribute("aria-selected", String(isIt));
      if (isIt) option.scrollIntoView({ block: "nearest" });
    }
    this.field.setAttribute("aria-activedescendant", `${this.field.id}-${place}`);
  }

  #pick(place) {
    const { kind, name, label } = this.#options[place];
    this.field.value = "";
    this.#show([]);
    this.onPick({ kind, name, label });
  }
}

export const ofTrack = (track) => ({
  kind: "track",
  name: track.track_id,
  label: track.title,
  title: track.title,
  more: [track.artist, track.year].filter(Boolean).join(", "),
});

/** Return the artists and tags that what was typed may mean: those of the tracks found, and tags that begin so. */
function named(text, tracks, tags) {
  const words = plain(text);
  const artists = new Set();
  for (const { artist } of tracks) if (artist && plain(artist).includes(words)) artists.add(artist);
  const meant = new Set([...tags, ...tracks.flatMap((track) => [track.genre, ...track.tags])]);
  const fitting = [...meant].filter((tag) => tag && plain(tag).startsWith(words)).sort((a, b) => a.length - b.length);
  return [
    ...[...artists].slice(0, MOST.artist).map((name) => option("artist", name, "Artist")),
    ...fitting.slice(0, MOST.tag).map((name) => option("tag", name, "Tag")),
  ];
}

const option = (kind, name, more) => ({ kind, name, label: name, title: name, more });
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
