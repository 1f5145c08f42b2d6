// Training runs: ask for one, watch it learn, call it off, and see what came of it.

import { sure } from "./dashboard-asking.js";
import { count, moment, rounded, seconds, share } from "./dashboard-figures.js";
import { Plot } from "./dashboard-plot.js";
import { element } from "./elements.js";

const PATH = "/v1/admin/training-runs";
const UNDER_WAY = new Set(["queued", "running"]);

/** Training on the page. `doing` runs what may fail; `onEnd` hears that a run is over: there may be a checkpoint. */
export class Training {
  #watched = null;
  #runs = [];

  constructor(place, segue, doing, onEnd) {
    Object.assign(this, { segue, doing, onEnd });
    this.live = element("div", { "aria-live": "polite" });
    this.past = element("div", { class: "past wide", tabIndex: 0, role: "region", "aria-label": "Training runs so far" });
    place.replaceChildren(this.#form(), this.live, this.past);
  }

  /** Look for runs; the one under way is watched from its beginning. */
  async look() {
    const { runs } = await this.segue.json("GET", PATH);
    this.#runs = runs;
    this.#list();
    const underWay = runs.find((run) => UNDER_WAY.has(run.state));
    if (underWay && this.#watched?.id !== underWay.id) this.#watch(underWay);
    this.start.disabled = Boolean(underWay);
  }

  #form() {
    const field = (name, label, given) => element("label", {}, label, element("input", { name, autocomplete: "off", ...given }));
    const check = (name, label) => element("label", { class: "check" }, element("input", { type: "checkbox", name }), label);
    this.start = element("button", { class: "main" }, "Start training");
    const form = element(
      "form",
      { class: "asking", "aria-label": "Start a training run" },
      field("recipe", "Recipe", { value: "gru", required: true, pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*" }),
      field("data", "Data set", { placeholder: "of the worker" }),
      field("window_days", "Days", { type: "number", min: 1, placeholder: "all" }),
      field("base", "Begin with", { placeholder: "nothing, or stable" }),
      check("dry_run", "Only look"),
      check("promote", "Promote if better"),
      this.start,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin(new FormData(form));
    });
    return form;
  }

  async #begin(given) {
    const text = (name) => given.get(name).trim() || null;
    const body = {
      recipe: text("recipe"),
      data: text("data"),
      window_days: given.get("window_days") ? Number(given.get("window_days")) : null,
      base: text("base"),
      dry_run: given.has("dry_run"),
      promote: given.has("promote"),
    };
    await this.doing("The training run is queued.", () => this.segue.request("POST", PATH, { body, attempts: 1 }));
    await this.look();
  }

  async #watch(run) {
    this.#watched?.stop.abort();
    const stop = new AbortController();
    const shown = new Run(run, () => this.#cancel(run.id));
    this.#watched = { id: run.id, stop };
    this.live.replaceChildren(shown.place);
    try {
      for await (const told of this.segue.follow(`${PATH}/${run.id}/events`, { signal: stop.signal })) {
        shown.show(told.data);
        if (told.event !== "end") continue;
        const log = await this.segue.request("GET", `${PATH}/${run.id}/log`, { accept: "text/plain" });
        shown.tell(await log.text());
        this.onEnd(told.data);
        await this.look();
      }
    } catch (error) {
      shown.tell(error.message);
    }
  }

  async #cancel(id) {
    if (!(await sure("Cancel the training run?", "Its worker stops within seconds, and nothing is published.", "Cancel the run"))) return;
    await this.doing("The training run was cancelled.", () => this.segue.request("DELETE", `${PATH}/${id}`, { attempts: 1 }));
  }

  #list() {
    const over = this.#runs.filter((run) => !UNDER_WAY.has(run.state)).slice(0, 8);
    if (!over.length) {
      this.past.replaceChildren(element("p", { class: "soft" }, "No run is over yet."));
      return;
    }
    const columns = ["run", "", "recipe", "took", "recall@20", "MRR@20", "came of it"];
    this.past.replaceChildren(
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...columns.map((name) => element(name ? "th" : "td", name ? { scope: "col" } : {}, name)))),
        element("tbody", {}, ...over.map(row)),
      ),
    );
  }
}

function row(run) {
  const took = run.started_at && run.ended_at ? seconds((new Date(run.ended_at) - new Date(run.started_at)) / 1000) : "–";
  const model = figures(run);
  const came = run.checkpoint_id ?? run.error ?? run.verdict?.reasons.join("; ") ?? (run.dry_run && run.learns ? `${count(run.learns.sessions)} sessions to learn` : "–");
  return element(
    "tr",
    {},
    element("td", {}, moment(run.requested_at)),
    element("td", {}, element("span", { class: `pill ${run.state}` }, run.state)),
    element("td", {}, run.recipe),
    element("td", { class: "number" }, took),
    element("td", { class: "number" }, share(model?.recall)),
    element("td", { class: "number" }, share(model?.mrr)),
    element("td", { class: run.checkpoint_id ? "id" : "" }, came),
  );
}

/** The model's own recall and MRR, from the gate or the newest validation. */
function figures(run) {
  return run.verdict?.metrics[run.recipe] ?? (Number.isFinite(run.progress?.recall) ? run.progress : null);
}

/** One run under way, or just over. */
class Run {
  #epochs = new Map();

  constructor(run, cancel) {
    this.says = element("span", {});
    this.pill = element("span", { class: "pill" });
    this.cancel = element("button", { on: { click: cancel } }, "Cancel");
    this.bar = element("progress", { max: 1, "aria-label": "How far it is" });
    this.facts = element("p", { class: "soft" });
    this.curve = element("div", { class: "plot" });
    this.verdict = element("div", {});
    this.log = element("pre", { class: "log", hidden: true, tabIndex: 0, role: "region", "aria-label": "The log of the run" });
    this.place = element(
      "article",
      { class: "run", "aria-label": `Training run ${run.id}`, dataset: { run: run.id } },
      element("header", {}, element("span", { class: "id" }, run.id), this.pill, this.says, this.cancel),
      this.bar,
      this.facts,
      (this.figure = element("figure", {}, element("figcaption", {}, "How it learns"), this.curve)),
      this.verdict,
      this.log,
    );
    this.plot = new Plot(this.curve, [{ label: "recall@20" }, { label: "MRR@20" }, { label: "loss", axis: "right" }], {
      x: "epoch",
      empty: "",
    });
    this.show(run);
  }

  show(run) {
    const { state, progress, learns, verdict } = run;
    const isOver = !UNDER_WAY.has(state);
    this.pill.className = `pill ${state}`;
    this.pill.textContent = state;
    this.says.textContent = isOver ? "" : (progress?.stage ?? "waits for a worker");
    this.cancel.hidden = isOver;
    const part = progress?.epochs ? Math.min((progress.epoch ?? 0) / progress.epochs, 1) : null;
    if (isOver) this.bar.value = state === "published" || state === "refused" || state === "finished" ? 1 : (part ?? 0);
    else if (part === null) this.bar.removeAttribute("value");
    else this.bar.value = part;
    this.facts.textContent = [
      learns ? `${count(learns.sessions)} sessions, ${count(learns.tracks)} tracks, ${count(learns.logged_events)} events of the log` : null,
      progress?.epochs ? `epoch ${rounded(progress.epoch ?? 0)} of ${progress.epochs}` : null,
      Number.isFinite(progress?.events_per_s) ? `${count(progress.events_per_s)} events/s` : null,
      !isOver && Number.isFinite(progress?.time_left_s) ? `${seconds(progress.time_left_s)} left` : null,
    ].filter(Boolean).join(" · ");
    if (progress?.epoch && Number.isFinite(progress.loss)) this.#epochs.set(progress.epoch, progress);
    const epochs = [...this.#epochs].sort((a, b) => a[0] - b[0]);
    this.figure.hidden = !epochs.length;
    this.plot.show([epochs.map(([at]) => at), ...["recall", "mrr", "loss"].map((name) => epochs.map(([, one]) => one[name] ?? null))]);
    this.verdict.replaceChildren(...this.#outcome(run, verdict));
  }

  tell(text) {
    this.log.textContent = text;
    this.log.hidden = !text;
  }

  #outcome(run, verdict) {
    if (run.error) return [element("p", {}, run.error)];
    if (!verdict) return [];
    return [
      element("p", {}, verdict.accepted ? `The gate accepted it: ${run.checkpoint_id ?? ""}` : "The gate refused it:"),
      element("ul", {}, ...verdict.reasons.map((reason) => element("li", {}, reason))),
    ];
  }
}
