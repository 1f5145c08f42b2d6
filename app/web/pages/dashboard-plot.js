// Lines over time or epochs, drawn by uPlot in the page's own colours. Knows nothing of what they are of.

import uPlot from "./vendor/uPlot.esm.js";
import { element } from "./elements.js";
import { rounded } from "./dashboard-figures.js";

const HEIGHT = 160;
// No two ticks may read alike: what is told is whole seconds, and whole epochs.
const WHOLE_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** One plot. `series` are `{ label, axis }`: `axis` "right" has a scale of its own. `x` is "time" or "epoch". */
export class Plot {
  #drawn = null;
  #data;
  #shown = "";

  constructor(place, series, { x = "time", empty = "Nothing yet" } = {}) {
    Object.assign(this, { place, series, x });
    this.#data = [[], ...series.map(() => [])];
    this.nothing = element("p", { class: "nothing" }, empty);
    place.append(this.nothing);
    new ResizeObserver(() => this.#fit()).observe(place);
    addEventListener("segue-theme", () => this.#redraw());
  }

  /** Show columns: x and each series, null where there is nothing. */
  show(data) {
    this.#data = data;
    const isEmpty = !data.slice(1).some((column) => column.some((value) => value !== null));
    this.nothing.hidden = !isEmpty;
    const shown = getComputedStyle(document.documentElement).getPropertyValue("--ink");
    if (!this.#drawn || shown !== this.#shown) this.#redraw();
    else this.#drawn.setData(data);
    this.#tellNewest();
  }

  /** The words below tell the newest figures, unless somebody points at others. */
  #tellNewest() {
    const isPointing = this.#drawn?.cursor.idx !== null && this.#drawn?.cursor.left >= 0;
    if (this.#drawn && !isPointing && this.#data[0].length) this.#drawn.setLegend({ idx: this.#data[0].length - 1 });
  }

  #fit() {
    const width = this.place.clientWidth;
    if (width && this.#drawn && this.#drawn.width !== width) this.#drawn.setSize({ width, height: HEIGHT });
    else if (width && !this.#drawn) this.#redraw();
  }

  #redraw() {
    this.#drawn?.destroy();
    this.#drawn = null;
    if (!this.place.clientWidth) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.#shown = style.getPropertyValue("--ink");
    const axis = {
      stroke: colour("--soft"),
      font: "11px system-ui, sans-serif",
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
    };
    const values = (_plot, splits) => splits.map((value) => (value >= 1000 ? rounded(value) : String(+value.toFixed(4))));
    const hasRight = this.series.some((one) => one.axis === "right");
    const options = {
      width: this.place.clientWidth,
      height: HEIGHT,
      padding: [10, hasRight ? 0 : 8, 0, 0],
      cursor: { y: false, points: { size: 7 } },
      scales: {
        x: this.x === "time" ? { time: true } : { time: false, range: (_plot, low, high) => (low === high ? [low - 1, low + 1] : [low - 0.2, high + 0.2]) },
        left: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] },
        right: {},
      },
      series: [
        { label: this.x === "time" ? "at" : "epoch", value: (_plot, value) => this.#told(value) },
        ...this.series.map(({ label, axis: side = "left" }, number) => ({
          label,
          scale: side,
          stroke: colour(`--series-${number + 1}`),
          width: 2,
          dash: side === "right" ? [6, 4] : undefined,
          points: { show: this.x === "epoch", size: 6, fill: colour("--sheet") },
          value: (_plot, value) => (value === null ? "–" : rounded(value)),
        })),
      ],
      axes: [
        {
          ...axis,
          size: 30,
          incrs: this.x === "time" ? WHOLE_S : WHOLE,
          ...(this.x === "time"
            ? { values: (_plot, splits) => splits.map((value) => this.#told(value)), space: 70 }
            : { values: (_plot, splits) => splits.map((value) => (Number.isInteger(value) ? String(value) : "")) }),
        },
        { ...axis, scale: "left", size: 44, values, space: 34 },
        ...(hasRight ? [{ ...axis, scale: "right", side: 1, size: 40, values, grid: { show: false } }] : []),
      ],
    };
    this.#drawn = new uPlot(options, this.#data, this.place);
    this.place.addEventListener("pointerleave", () => this.#tellNewest());
    this.#tellNewest();
  }

  #told(value) {
    if (value === null || value === undefined) return "–";
    if (this.x === "epoch") return String(value);
    return new Date(value * 1000).toLocaleTimeString("en-GB");
  }
}
