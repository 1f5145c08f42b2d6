// The operators' page: looks at everything again and again, and shows what changed.

import { Checkpoints } from "./dashboard-checkpoints.js";
import { Labels } from "./dashboard-labels.js";
import { Interval, Reading, STAGES } from "./dashboard-metrics.js";
import { showOnline } from "./dashboard-online.js";
import { Plot } from "./dashboard-plot.js";
import { Tiles } from "./dashboard-tiles.js";
import { Training } from "./dashboard-training.js";
import { count } from "./dashboard-figures.js";
import { byId, icon } from "./elements.js";
import { Notice, themed, withKey } from "./frame.js";
import { Refused, Segue } from "./segue.js";
import { pause } from "./trying.js";

const KEPT = 360; // readings in the plots
const MOON = "M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z";
// What costs the service more than a page of counters is looked at less often.
const RARELY_MS = 10_000;

const segue = new Segue({ attempts: 2 });
const notice = new Notice();
const tiles = new Tiles(byId("tiles"));
const labels = new Labels(byId("labels"), segue, doing);
const checkpoints = new Checkpoints(byId("checkpoints"), labels);
const training = new Training(byId("training"), segue, doing, (run) => {
  if (run.checkpoint_id) notice.good(`The training run published ${run.checkpoint_id}.`);
  lookRarely();
});
const rate = new Plot(byId("plot-rate"), [{ label: "next tracks" }, { label: "other calls" }, { label: "refused" }, { label: "failed" }]);
const latency = new Plot(byId("plot-latency"), [{ label: "half" }, { label: "9 in 10" }, { label: "99 in 100" }], {
  empty: "Nobody asks for next tracks",
});
const stages = new Plot(byId("plot-stages"), STAGES.map((label) => ({ label })), { empty: "Nobody asks for next tracks" });

let reading = null;
const points = [];

/** Do what somebody asked for; say that it was done, or why it was not; and look again. */
async function doing(done, action) {
  try {
    await withKey(action);
    notice.good(done);
  } catch (error) {
    const refused = error.cause instanceof Refused ? error.cause : error;
    notice.bad(refused.status === 412 ? `Somebody else was faster: ${refused.message} This is how things stand now.` : refused.message);
  }
  await lookRarely();
}

async function lookOften() {
  const [page, ready] = await Promise.all([
    segue.request("GET", "/metrics", { accept: "text/plain" }).then((answer) => answer.text()),
    fetch("/readyz", { cache: "no-store" }),
  ]);
  tiles.showReady(ready.status, await ready.json());
  const now = new Reading(page, Date.now());
  if (reading) showInterval(new Interval(reading, now));
  reading = now;
  byId("requests-says").textContent = `${count(now.sum("segue_http_requests_total", ({ route }) => route === "/v1/next"))} next-track requests since the service began, ${count(now.sum("segue_http_requests_open"))} open now.`;
  notice.over("The server is back.");
}

function showInterval(interval) {
  tiles.showInterval(interval);
  const { next, others, refused, failed } = interval.rates;
  points.push([
    interval.after.at / 1000,
    [next, others, refused, failed],
    [0.5, 0.9, 0.99].map((part) => interval.quantileMs(part)),
    STAGES.map((stage) => interval.stageMs(stage)),
  ]);
  if (points.length > KEPT) points.shift();
  const columns = (at) => [points.map(([time]) => time), ...points[0][at].map((_, number) => points.map((point) => point[at][number]))];
  rate.show(columns(1));
  latency.show(columns(2));
  stages.show(columns(3));
}

async function lookRarely() {
  await labels.look();
  const { stable, canary, shadow } = labels.now;
  const labelled = [...new Set([stable, canary?.checkpoint_id, shadow].filter(Boolean))];
  const path = (id) => `/v1/models/${encodeURIComponent(id)}/online`;
  const [models, ...others] = await Promise.allSettled([
    segue.json("GET", "/v1/models"),
    segue.json("GET", "/v1/admin/state"),
    training.look(),
    ...labelled.map((id) => segue.json("GET", path(id))),
  ]);
  if (models.status === "rejected") throw models.reason;
  checkpoints.show(models.value);
  const [state, , ...online] = others;
  if (state.status === "fulfilled") tiles.showState(state.value);
  else tiles.showStateAway("the session store is away");
  showOnline(byId("online"), byId("verdict"), online.filter((one) => one.status === "fulfilled").map((one) => one.value));
}

/** Look for ever, each time after the last look is over; a hidden page rests. */
async function again(look, waitMs) {
  for (;;) {
    try {
      if (!document.hidden) await look();
    } catch (error) {
      tiles.showAway();
      notice.bad(`The server does not answer. ${error.message}`);
    }
    await pause(waitMs());
  }
}

async function begin() {
  byId("theme").append(icon(MOON));
  themed(byId("theme"));
  try {
    await withKey(() => segue.json("GET", "/v1/models/labels"));
  } catch (error) {
    notice.bad(`This page needs a key of the scope admin. ${error.message} Reload it to type one.`);
    return;
  }
  const every = () => 1000 * Number(byId("every").value);
  again(lookOften, every);
  again(lookRarely, () => Math.max(RARELY_MS, every()));
}

begin();
