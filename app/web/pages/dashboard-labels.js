// The labels: who answers, who answers a share, who only watches; moved against the version that was seen, so that two
// who decide at once do not undo each other.

import { sure } from "./dashboard-asking.js";
import { element } from "./elements.js";

const PATH = "/v1/models/labels";
const MEANS = {
  stable: "answers listeners",
  canary: "answers a share of them, always the same ones",
  shadow: "computes beside, answers nobody",
};
const BACK = { stable: "Roll back", canary: "Take away", shadow: "Take away" };

/** The labels on the page. `doing(action)` runs what may fail and says how it went. */
export class Labels {
  #etag = null;
  #labels = null;
  #isHeld = false;

  constructor(place, segue, doing) {
    Object.assign(this, { place, segue, doing });
  }

  /** What was read last: `{ version, stable, canary, shadow }`. */
  get now() {
    return this.#labels;
  }

  /** Read them anew; a slider that somebody holds stays where it is. */
  async look() {
    const response = await this.segue.request("GET", PATH);
    const labels = await response.json();
    const isNew = JSON.stringify(labels) !== JSON.stringify(this.#labels);
    [this.#etag, this.#labels] = [response.headers.get("ETag"), labels];
    if (isNew && !this.#isHeld) this.#show();
    return isNew;
  }

  /** Point a label at a checkpoint, if somebody is sure. */
  async point(label, checkpointId, { percent = null, force = false } = {}) {
    const title = `${label} → ${checkpointId}`;
    const text =
      label === "stable"
        ? "It answers all listeners but the canary's share from the next seconds on. No request fails, and one click rolls it back."
        : label === "canary"
          ? `It answers ${percent} % of the listeners from the next seconds on.`
          : "It computes beside the others from the next seconds on. Nobody's answers change.";
    const warning = force ? " The evaluation gate rejected this checkpoint." : "";
    const isSure = await sure(title, text + warning, label === "stable" ? "Promote" : "Set it");
    // From here on the slider stands where the label is, and is left alone by what is still to come of this.
    this.#show();
    if (!isSure) return;
    const body = { checkpoint_id: checkpointId, ...(percent === null ? {} : { traffic_percent: percent }), ...(force ? { force } : {}) };
    await this.doing(`${label} is ${checkpointId} now.`, () =>
      this.segue.request("PUT", `${PATH}/${label}`, { body, headers: { "If-Match": this.#etag }, attempts: 1 }),
    );
  }

  async #rollBack(label) {
    const isStable = label === "stable";
    const text = isStable
      ? "The checkpoint that was stable before answers again, from the next seconds on."
      : "From the next seconds on it has no part in anything. The checkpoint itself stays.";
    if (!(await sure(isStable ? "Roll stable back?" : `Take ${label} away?`, text, BACK[label]))) return;
    await this.doing(isStable ? "stable was rolled back." : `There is no ${label} any more.`, () =>
      this.segue.request("POST", `${PATH}/${label}/rollback`, { headers: { "If-Match": this.#etag }, attempts: 1 }),
    );
  }

  #show() {
    this.#isHeld = false;
    this.place.replaceChildren(...["stable", "canary", "shadow"].map((label) => this.#shown(label)));
  }

  #shown(label) {
    const own = this.#labels[label];
    const checkpointId = label === "canary" ? own?.checkpoint_id : own;
    return element(
      "div",
      { class: "label", dataset: { label } },
      element("h3", {}, element("span", { class: `pill ${label}` }, label)),
      element("p", { class: "soft" }, MEANS[label]),
      element("p", { class: checkpointId ? "id" : "soft" }, checkpointId ?? "none"),
      label === "canary" && checkpointId ? this.#slider(checkpointId, own.traffic_percent) : null,
      checkpointId
        ? element(
            "div",
            { class: "choices" },
            element("button", { "aria-label": `${BACK[label]}: ${label}`, on: { click: () => this.#rollBack(label) } }, BACK[label]),
          )
        : null,
    );
  }

  #slider(checkpointId, percent) {
    const says = element("output", { for: "canary-share" }, `${percent} %`);
    const set = element("button", { class: "main", hidden: true }, "Set");
    const range = element("input", { type: "range", id: "canary-share", min: 0, max: 100, step: 1, value: percent });
    range.addEventListener("input", () => {
      this.#isHeld = Number(range.value) !== percent;
      says.textContent = `${range.value} %`;
      set.hidden = !this.#isHeld;
    });
    set.addEventListener("click", () => this.point("canary", checkpointId, { percent: Number(range.value) }));
    return element(
      "div",
      { class: "share" },
      element("label", { for: "canary-share" }, "Share of the listeners"),
      says,
      range,
      set,
    );
  }
}
