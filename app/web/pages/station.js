// A station: what somebody wants to hear, as it stands in the page's address. Knows nothing of what is playing.

export const KINDS = ["track", "artist", "tag"];

/** `seeds` and `to` are `{ kind, name, label }`; `adventure` runs from 0 to 100; `gap` and `way` count tracks. */
export class Station {
  constructor({ seeds = [], to = null, adventure = 20, gap = 2, way = 15 } = {}) {
    Object.assign(this, { seeds, to, adventure, gap, way });
  }

  with(changes) {
    return new Station({ ...this, ...changes });
  }

  /** The number that logits are divided by where the next track is drawn; 0: the most probable one comes. */
  get temperature() {
    return this.adventure === 0 ? 0 : 0.3 + (this.adventure / 100) ** 2 * 2.2;
  }

  /** What may be asked of every ranking and every playlist. */
  get rules() {
    return { artist_gap: this.gap };
  }

  /** The body of POST /v1/playlists for `n` tracks of this station after what a listener heard. */
  playlist(listenerId, n) {
    const drawn = this.temperature === 0 ? {} : { choosing: "sample", temperature: this.temperature };
    return { listener_id: listenerId, n, ...this.rules, ...drawn };
  }

  get label() {
    const from = this.seeds.map((seed) => seed.label).join(" + ");
    return this.to ? `${from} to ${this.to.label}` : from;
  }

  /** The station as a fragment: it never leaves the browser, for fragments are not sent. */
  get fragment() {
    const words = new URLSearchParams();
    for (const seed of this.seeds) words.append("seed", written(seed));
    if (this.to) words.set("to", written(this.to));
    words.set("adventure", this.adventure);
    words.set("gap", this.gap);
    if (this.to) words.set("way", this.way);
    return `#${words}`;
  }

  /** Read a fragment; null where it names no station. What makes no sense in it is left out. */
  static of(fragment) {
    const words = new URLSearchParams(fragment.replace(/^#/, ""));
    const seeds = words.getAll("seed").map(read).filter(Boolean).slice(0, 20);
    if (!seeds.length) return null;
    const number = (name, least, most, otherwise) => {
      const value = Number(words.get(name) ?? otherwise);
      return Number.isFinite(value) ? Math.round(Math.min(most, Math.max(least, value))) : otherwise;
    };
    return new Station({
      seeds,
      to: read(words.get("to") ?? ""),
      adventure: number("adventure", 0, 100, 20),
      gap: number("gap", 0, 10, 2),
      way: number("way", 3, 60, 15),
    });
  }
}

/** Return a seed as the API takes it. */
export const asked = (seed) => ({ [seed.kind]: seed.name });

const written = (seed) => `${seed.kind}:${seed.name}`;

function read(text) {
  const [, kind, name] = /^(track|artist|tag):(.{1,256})$/s.exec(text) ?? [];
  return kind ? { kind, name, label: name } : null;
}
