// How well each label foresees what is really played.

import { count, share } from "./dashboard-figures.js";
import { element } from "./elements.js";

const WORDS = {
  better: "The canary is really better than stable.",
  worse: "The canary is really worse than stable.",
  undecided: "Between canary and stable nothing is decided yet.",
};

/** Show the answers of GET /v1/models/{id}/online, one for each labelled checkpoint. */
export function showOnline(place, verdict, answers) {
  const rows = answers.flatMap(({ checkpoint_id: id, labels }) => labels.map((one) => ({ id, ...one })));
  const comparison = answers.find((one) => one.comparison)?.comparison;
  verdict.textContent = comparison ? compared(comparison) : "";
  if (!rows.length) {
    place.replaceChildren(element("p", { class: "soft" }, "Nobody played anything that a ranking could be held against yet."));
    return;
  }
  const columns = ["label", "checkpoint", "plays", "hit@20", "MRR@20", "log-loss", "skipped"];
  place.replaceChildren(
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...columns.map((name, at) => element("th", { scope: "col", class: at > 1 ? "number" : "" }, name)))),
      element(
        "tbody",
        {},
        ...rows.map((one) =>
          element(
            "tr",
            {},
            element("td", {}, element("span", { class: `pill ${one.label}` }, one.label)),
            element("td", { class: "id" }, one.id),
            ...[count(one.plays), share(one.hit_at_20), share(one.mrr_at_20), share(one.log_loss), share(one.skip_rate)].map((told) =>
              element("td", { class: "number" }, told),
            ),
          ),
        ),
      ),
    ),
  );
}

function compared({ difference, low, high, verdict }) {
  const figures = difference === null ? "" : ` Hit@20 differs by ${difference.toFixed(4)} (${low?.toFixed(4) ?? "?"} to ${high?.toFixed(4) ?? "?"}).`;
  return `${WORDS[verdict] ?? verdict}${figures}`;
}
