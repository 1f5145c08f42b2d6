// Every checkpoint: how it ranks beside the baselines, how it learned, and what it may be made.

import { Plot } from "./dashboard-plot.js";
import { moment, seconds, share, count } from "./dashboard-figures.js";
import { element } from "./elements.js";

const CANARY_SHARE = 10;

/** The checkpoints on the page; `labels` moves them. */
export class Checkpoints {
  #shown = "";
  #open = new Set();

  constructor(place, labels) {
    Object.assign(this, { place, labels });
  }

  /** Show what GET /v1/models answered. Those that are open stay open. */
  show({ models, refused }) {
    const shown = JSON.stringify([models, refused, this.labels.now]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (!models.length) {
      this.place.replaceChildren(element("p", { class: "soft" }, "None was published yet. Train one above, or with segue train."));
      return;
    }
    this.place.replaceChildren(
      refused ? element("p", {}, `${refused.checkpoint_id} was refused: ${refused.reason}`) : "",
      ...models.map((one) => this.#one(one)),
    );
  }

  #one(model) {
    const id = model.checkpoint_id;
    const now = this.labels.now ?? {};
    const own = [
      ...(now.stable === id ? ["stable"] : []),
      ...(now.canary?.checkpoint_id === id ? ["canary"] : []),
      ...(now.shadow === id ? ["shadow"] : []),
      ...(model.status === "accepted" ? [] : [model.status]),
    ];
    const inside = element("div", { class: "inside" });
    const one = element(
      "details",
      { class: "checkpoint", dataset: { checkpoint: id } },
      element(
        "summary",
        {},
        element("span", { class: "id" }, id),
        ...own.map((name) => element("span", { class: `pill ${name}` }, name)),
        element("span", { class: "figures" }, `recall ${share(model.metrics["recall@20"])} · MRR ${share(model.metrics["mrr@20"])}`),
      ),
      inside,
    );
    one.addEventListener("toggle", () => {
      if (one.open) this.#open.add(id);
      else this.#open.delete(id);
      // Drawn when somebody looks: a hidden plot has no width.
      if (one.open && !inside.childElementCount) this.#fill(inside, model, own);
    });
    one.open = this.#open.has(id);
    return one;
  }

  #fill(place, model, own) {
    const curve = element("div", { class: "plot" });
    place.append(
      element("div", { class: "about" }, this.#about(model), this.#choices(model, own)),
      this.#beside(model),
      element("figure", {}, element("figcaption", {}, "How it learned"), curve),
    );
    const history = (model.training.history ?? []).filter((epoch) => Number.isFinite(epoch.loss));
    const plot = new Plot(curve, [{ label: "recall@20" }, { label: "MRR@20" }, { label: "loss", axis: "right" }], {
      x: "epoch",
      empty: "This checkpoint does not tell",
    });
    plot.show([
      history.map((epoch) => epoch.epoch),
      ...["recall", "mrr", "loss"].map((name) => history.map((epoch) => epoch[name] ?? null)),
    ]);
  }

  #about({ created_at, network, training, data, reason }) {
    const facts = [
      ["published", moment(created_at)],
      ["network", `${network.rnn_kind} of ${network.hidden_size}, ${count(network.catalogue_size)} tracks`],
      ["recipe", training.recipe?.name ?? training.recipe],
      ["learned from", data.sessions ? `${count(data.sessions)} sessions${data.events ? `, ${count(data.events)} events` : ""}` : null],
      ["in", Number.isFinite(training.seconds) ? seconds(training.seconds) : null],
      ["the gate", reason],
    ].filter(([, told]) => told);
    return element(
      "table",
      {},
      element("caption", { class: "spoken" }, "What it is"),
      element("tbody", {}, ...facts.map(([name, told]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, told)))),
    );
  }

  #choices({ checkpoint_id: id, status }, own) {
    const force = status !== "accepted";
    const button = (label, words, asked) =>
      element("button", { "aria-label": `${words}: ${id}`, on: { click: () => this.labels.point(label, id, { ...asked, force }) } }, words);
    return element(
      "div",
      { class: "choices" },
      own.includes("stable") ? null : button("stable", "Promote to stable", {}),
      own.includes("canary") ? null : button("canary", `Canary for ${CANARY_SHARE} %`, { percent: CANARY_SHARE }),
      own.includes("shadow") ? null : button("shadow", "Shadow", {}),
    );
  }

  #beside({ metrics, baselines }) {
    const rows = [["this checkpoint", metrics], ...Object.entries(baselines)];
    const most = Object.fromEntries(
      ["recall@20", "mrr@20"].map((name) => [name, Math.max(...rows.map(([, figures]) => figures[name] ?? 0), 1e-9)]),
    );
    const measure = (name, figures) => {
      const line = element("span", { class: "line" });
      line.style.width = `${(100 * (figures[name] ?? 0)) / most[name]}%`;
      return element("td", { class: "measure" }, share(figures[name]), line);
    };
    return element(
      "table",
      { class: "beside" },
      element("caption", { class: "spoken" }, "Beside the baselines, on sessions that it did not learn"),
      element(
        "thead",
        {},
        element("tr", {}, ...["", "Recall@20", "MRR@20"].map((name) => element(name ? "th" : "td", name ? { scope: "col" } : {}, name))),
      ),
      element(
        "tbody",
        {},
        ...rows.map(([name, figures], number) =>
          element(
            "tr",
            { class: number ? "" : "ours" },
            element("td", {}, name),
            measure("recall@20", figures),
            measure("mrr@20", figures),
          ),
        ),
      ),
    );
  }
}
