// What /metrics tells, read twice and subtracted: what happened in between. Knows nothing of how it is drawn.

const LINE = /^(\w+)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
// What this page itself asks, and what watches over the service, is no listening.
const OWN = /^(\/|\/metrics|\/livez|\/readyz|\/dashboard|\/assets.*|\/openapi\.json|\/v1\/(admin|models).*)$/;
export const STAGES = ["gather", "load", "queue", "step", "commit"];

/** One reading of the page. */
export class Reading {
  #samples = new Map();

  constructor(text, at) {
    this.at = at;
    for (const line of text.split("\n")) {
      const found = LINE.exec(line);
      if (!found) continue;
      const labels = Object.fromEntries([...(found[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name, value]));
      if (!this.#samples.has(found[1])) this.#samples.set(found[1], []);
      this.#samples.get(found[1]).push({ labels, value: Number(found[3]) });
    }
  }

  /** The sum of a series over all labels that pass. */
  sum(name, passes = () => true) {
    return (this.#samples.get(name) ?? []).reduce((total, one) => total + (passes(one.labels) ? one.value : 0), 0);
  }

  /** Cumulative counts of a histogram by upper end, ascending. */
  buckets(name, passes = () => true) {
    const found = new Map();
    for (const { labels, value } of this.#samples.get(`${name}_bucket`) ?? []) {
      if (passes(labels)) found.set(labels.le, (found.get(labels.le) ?? 0) + value);
    }
    return [...found].map(([end, value]) => [end === "+Inf" ? Infinity : Number(end), value]).sort((a, b) => a[0] - b[0]);
  }
}

const listening = (labels) => !OWN.test(labels.route);
const next = (labels) => labels.route === "/v1/next";

/** What happened between two readings. Where a server began anew, it is what happened since. */
export class Interval {
  constructor(before, after) {
    this.before = before;
    this.after = after;
    this.seconds = Math.max((after.at - before.at) / 1000, 0.001);
    this.isAnew = after.sum("segue_http_requests_total") < before.sum("segue_http_requests_total");
  }

  #grown(name, passes) {
    return this.after.sum(name, passes) - (this.isAnew ? 0 : this.before.sum(name, passes));
  }

  /** Answered a second, by kind of call. */
  get rates() {
    const of = (passes) => this.#grown("segue_http_requests_total", passes) / this.seconds;
    return {
      next: of(next),
      others: of((labels) => listening(labels) && !next(labels)),
      failed: of((labels) => listening(labels) && Number(labels.status) >= 500),
      refused: of((labels) => listening(labels) && Number(labels.status) >= 400 && Number(labels.status) < 500),
    };
  }

  /** Milliseconds that so large a part of the next-track requests took at most; null where there were none. */
  quantileMs(part) {
    const earlier = new Map(this.isAnew ? [] : this.before.buckets("segue_http_request_seconds", next));
    const grown = this.after
      .buckets("segue_http_request_seconds", next)
      .map(([end, value]) => [end, value - (earlier.get(end) ?? 0)]);
    const total = grown.at(-1)?.[1] ?? 0;
    if (!total) return null;
    let [low, below] = [0, 0];
    for (const [end, value] of grown) {
      if (value >= part * total) {
        // Within a bucket requests lie evenly, as Prometheus takes it; beyond the last end nobody knows.
        return 1000 * (end === Infinity ? low : low + ((end - low) * (part * total - below)) / (value - below));
      }
      [low, below] = [end, value];
    }
    return null;
  }

  /** Mean milliseconds of a stage; null where nothing went through it. */
  stageMs(stage) {
    const own = (labels) => labels.stage === stage;
    const passed = this.#grown("segue_stage_seconds_count", own);
    return passed ? (1000 * this.#grown("segue_stage_seconds_sum", own)) / passed : null;
  }
}
