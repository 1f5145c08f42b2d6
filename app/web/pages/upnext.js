// Up next: the ranking as bars that move. A thin mark stays where a bar was before. Knows nothing of where rankings
// come from.

import { element, icon } from "./elements.js";

const MOVE = { duration: 450, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class UpNext {
  #rows = new Map();

  /** `onPlay(track)` hears a choice; `why(trackId)` resolves to words. */
  constructor(list, { onPlay, why, shown = 10 }) {
    Object.assign(this, { list, onPlay, why, shown });
  }

  /** Show a ranking; `before` says where tracks were, `next` is the one that plays next. */
  show(ranking, before, next) {
    const tracks = ranking.tracks.slice(0, this.shown);
    if (next && !tracks.some((track) => track.track_id === next.track_id)) {
      const ranked = ranking.tracks.find((track) => track.track_id === next.track_id) ?? { ...next, rank: null };
      tracks.splice(this.shown - 1, 1, ranked);
    }
    const widest = (track) => Math.max(track.probability, before.get(track.track_id)?.probability ?? 0);
    const most = Math.max(1e-9, ...tracks.map(widest));
    const tops = new Map([...this.#rows].map(([id, row]) => [id, row.getBoundingClientRect().top]));
    const rows = new Map(tracks.map((track) => [track.track_id, this.#rows.get(track.track_id) ?? this.#row(track)]));
    this.list.replaceChildren(...rows.values());
    this.#rows = rows;
    for (const track of tracks) {
      const row = rows.get(track.track_id);
      // Of the first ranking everything would be new.
      const was = before.size ? (before.get(track.track_id) ?? null) : undefined;
      this.#fill(row, track, was, most, track.track_id === next?.track_id);
      this.#move(row, tops.get(track.track_id));
    }
  }

  #row(track) {
    const whyId = `why-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    const says = element("p", { class: "row-why", id: whyId, hidden: true, "aria-live": "polite" });
    const ask = element(
      "button",
      {
        class: "plain round row-ask",
        "aria-expanded": "false",
        "aria-controls": whyId,
        "aria-label": `Why ${track.title}?`,
      },
      icon("M12 17v.1", "M9.2 9.2a2.9 2.9 0 1 1 4.4 2.5c-1 .6-1.6 1.2-1.6 2.3"),
    );
    ask.addEventListener("click", async () => {
      const opens = says.hidden;
      says.hidden = !opens;
      ask.setAttribute("aria-expanded", String(opens));
      if (!opens) return;
      says.textContent = "…";
      says.textContent = await this.why(track.track_id);
    });
    return element(
      "li",
      { class: "row" },
      element(
        "button",
        { class: "row-play", on: { click: () => this.onPlay(track) } },
        element(
          "span",
          { class: "bar-place", "aria-hidden": "true" },
          element("span", { class: "bar-now" }),
          element("span", { class: "bar-was" }),
        ),
        element("span", { class: "row-rank number", "aria-hidden": "true" }),
        element(
          "span",
          { class: "row-words" },
          element("span", { class: "row-title" }, track.title),
          element("span", { class: "row-artist soft" }, track.artist),
        ),
        element("span", { class: "row-move", "aria-hidden": "true" }),
        element("span", { class: "row-percent number" }),
      ),
      ask,
      says,
    );
  }

  #fill(row, track, was, most, isNext) {
    const part = (name) => row.querySelector(`.${name}`);
    part("bar-now").style.width = `${(100 * track.probability) / most}%`;
    part("bar-was").style.insetInlineStart = `${(100 * (was?.probability ?? 0)) / most}%`;
    part("bar-was").hidden = !was;
    part("row-rank").textContent = track.rank ?? "–";
    part("row-percent").textContent = percent(track.probability);
    const rise = was && track.rank ? was.rank - track.rank : 0;
    const moved = rise ? `${rise > 0 ? "▲" : "▼"}${Math.abs(rise)}` : "";
    part("row-move").textContent = was === null ? "new" : moved;
    part("row-move").dataset.rise = Math.sign(rise);
    row.classList.toggle("is-next", isNext);
    const said = [`${track.title} by ${track.artist}`, percent(track.probability), ...(isNext ? ["plays next"] : [])];
    part("row-play").setAttribute("aria-label", said.join(", "));
    const says = part("row-why");
    if (!says.hidden) part("row-ask").click(); // what it said was of the ranking before
  }

  #move(row, top) {
    if (still.matches) return;
    const away = top === undefined ? null : top - row.getBoundingClientRect().top;
    if (away === null) row.animate([{ opacity: 0, transform: "translateX(12px)" }, {}], MOVE);
    else if (Math.abs(away) > 1) row.animate([{ transform: `translateY(${away}px)` }, {}], MOVE);
  }
}

/** Write a probability as people read it. */
export function percent(probability) {
  const hundred = probability * 100;
  if (hundred >= 9.95) return `${hundred.toFixed(0)}%`;
  return hundred >= 0.095 ? `${hundred.toFixed(1)}%` : "<0.1%";
}
