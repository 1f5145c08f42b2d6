// The song map on a canvas: every track a point, what was heard a way through them. Knows nothing of how places were
// found: near means alike, and that is all they say.

import { element } from "./elements.js";

// Told apart by people who see colours differently, on light and on dark.
const COLOURS = [
  "#e4572e", "#3987d6", "#22a06b", "#d99a00", "#9a62e8", "#d8479a",
  "#12a3ae", "#96714c", "#7a9e1c", "#5f6fd9", "#b0553c", "#4d8f86",
];
const OTHERS = "#8b8794";
const TRAVEL_MS = 700;
const REACH_PX = 14;
const EDGE_PX = 14;
// What was heard longer ago fades.
const RECENT = 12;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class SongMap {
  #points = new Map();
  #view = { x: 0, y: 0, zoom: 1 };
  #path = [];
  #ways = [];
  #next = null;
  #arrived = 1;
  #frame = 0;
  #due = 0;
  #grabbed = false;

  /** `onPlay(trackId)` hears a click on a point; `word` shows what the pointer is over. */
  constructor(canvas, { word, legend, onPlay }) {
    Object.assign(this, { canvas, word, legend, onPlay });
    new ResizeObserver(() => this.#resize()).observe(canvas);
    canvas.addEventListener("pointermove", (event) => this.#pointed(event));
    canvas.addEventListener("pointerleave", () => this.#say(null));
    canvas.addEventListener("pointerdown", (event) => this.#grab(event));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    addEventListener("segue-theme", () => this.#draw());
  }

  /** Every genre on the map, the most frequent first. */
  get tags() {
    return this.genres ?? [];
  }

  /** Show the map that GET /v1/models/{id}/map answered. */
  load(songMap) {
    this.songMap = songMap;
    const counted = new Map();
    for (const point of songMap.points) if (point.genre) counted.set(point.genre, (counted.get(point.genre) ?? 0) + 1);
    this.genres = [...counted].sort((one, other) => other[1] - one[1]).map(([name]) => name);
    // Without genres, the groups that the network finds alike.
    this.byGenre = counted.size > 1;
    if (!this.byGenre) {
      counted.clear();
      for (const { cluster } of songMap.points) counted.set(cluster, (counted.get(cluster) ?? 0) + 1);
    }
    const largest = [...counted].sort((one, other) => other[1] - one[1]);
    this.groups = largest.map(([name], place) => ({ name, colour: COLOURS[place] ?? OTHERS }));
    const colours = new Map(this.groups.map((group) => [group.name, group.colour]));
    const count = songMap.points.length;
    this.#points = new Map(
      songMap.points.map((point, place) => [
        point.track_id,
        {
          ...point,
          colour: colours.get(this.byGenre ? point.genre : point.cluster) ?? OTHERS,
          // The most popular come first, and are easiest to see.
          size: 1.1 + 2.1 * (1 - Math.sqrt(place / count)),
        },
      ]),
    );
    // By colour, so that one stroke of the pen draws a thousand points; the smallest groups lie on top.
    this.layers = new Map([[OTHERS, []], ...this.groups.map(({ colour }) => [colour, []])]);
    for (const point of this.#points.values()) this.layers.get(point.colour).push(point);
    this.#names();
    this.#draw();
  }

  has(trackId) {
    return this.#points.has(trackId);
  }

  /** Show the way so far; the newest step is travelled before one's eyes. */
  heard(tracks) {
    const path = tracks
      .map(({ track_id, skipped, title }) => ({ ...this.#points.get(track_id), skipped, title }))
      .filter((point) => "x" in point);
    const moves = path.length > 1 && path.length > this.#path.length;
    this.#path = path;
    const titles = tracks.slice(-5).map((track) => track.title).join(", then ");
    this.canvas.setAttribute("aria-label", titles ? `Song map. The way so far: ${titles}` : "Song map");
    this.#travel(moves);
  }

  /** Show what may come: the candidates by their probability, what plays next, and the way ahead where there is one. */
  ahead(candidates, next, plan) {
    this.candidates = candidates
      .map(({ track_id, probability }) => ({ point: this.#points.get(track_id), probability }))
      .filter((one) => one.point);
    this.#next = next ? this.#points.get(next.track_id) : null;
    this.#ways = plan.map((track) => this.#points.get(track.track_id)).filter(Boolean);
    this.#draw();
  }

  zoom(factor, at = null) {
    const zoom = Math.min(16, Math.max(1, this.#view.zoom * factor));
    const centre = at ?? this.#path.at(-1) ?? this.#view;
    const share = 1 - this.#view.zoom / zoom;
    this.#view = this.#within({ ...between(this.#view, centre, share), zoom });
    this.#draw();
  }

  #names() {
    // Where a colour is at home: the median of its points.
    const middle = (values) => values.sort((one, other) => one - other)[values.length >> 1];
    this.homes = this.byGenre
      ? this.groups.map((group) => {
          const own = this.songMap.points.filter((point) => point.genre === group.name);
          return { ...group, x: middle(own.map((point) => point.x)), y: middle(own.map((point) => point.y)) };
        })
      : [];
    const rest = this.groups.length - COLOURS.length;
    const shown = this.byGenre ? this.groups.slice(0, COLOURS.length) : [];
    const items = [...shown, ...(this.byGenre && rest > 0 ? [{ name: `${rest} more`, colour: OTHERS }] : [])];
    this.legend.replaceChildren(
      ...items.map((group) => {
        const dot = element("span", { class: "dot" });
        dot.style.background = group.colour;
        return element("li", {}, dot, group.name);
      }),
    );
  }

  #resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const ratio = Math.min(2, devicePixelRatio || 1);
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.#paint();
  }

  #onScreen({ x, y }) {
    const { zoom } = this.#view;
    return [
      this.width / 2 + (x - this.#view.x) * zoom * (this.width / 2 - EDGE_PX),
      this.height / 2 + (y - this.#view.y) * zoom * (this.height / 2 - EDGE_PX),
    ];
  }

  #onMap(px, py) {
    const { zoom } = this.#view;
    return {
      x: this.#view.x + (px - this.width / 2) / (zoom * (this.width / 2 - EDGE_PX)),
      y: this.#view.y + (py - this.height / 2) / (zoom * (this.height / 2 - EDGE_PX)),
    };
  }

  #within({ x, y, zoom }) {
    const reach = 1 - 1 / zoom;
    return { x: Math.min(reach, Math.max(-reach, x)), y: Math.min(reach, Math.max(-reach, y)), zoom };
  }

  #travel(moves) {
    cancelAnimationFrame(this.#frame);
    if (!moves || still.matches) {
      this.#arrived = 1;
      return this.#draw();
    }
    const began = performance.now();
    const step = (now) => {
      const share = Math.min(1, (now - began) / TRAVEL_MS);
      this.#arrived = 1 - (1 - share) ** 3;
      this.#paint();
      if (share < 1) this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  /** Paint before the next frame is shown, once however much has changed: a drag moves many times a frame. */
  #draw() {
    this.#due ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.#due);
    this.#due = 0;
    if (!this.width) return;
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    this.ink = style.getPropertyValue("--ink");
    this.sheet = style.getPropertyValue("--sheet");
    this.accent = style.getPropertyValue("--accent");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const grow = Math.sqrt(this.#view.zoom);
    const dim = this.#path.length ? 0.65 : 0.85;
    pen.globalAlpha = dim;
    for (const [colour, points] of this.layers ?? []) {
      pen.fillStyle = colour;
      pen.beginPath();
      for (const point of points) {
        const [x, y] = this.#onScreen(point);
        const size = point.size * grow;
        if (x < -size || y < -size || x > this.width + size || y > this.height + size) continue;
        pen.moveTo(x + size, y);
        pen.arc(x, y, size, 0, 7);
      }
      pen.fill();
    }
    pen.globalAlpha = 1;
    this.#drawAhead(pen);
    this.#drawPath(pen);
    this.#drawHomes(pen);
  }

  /** Where the title of what is playing stands: above its point, inside the map. */
  #titleBox(pen) {
    const last = this.#path.at(-1);
    if (!last) return null;
    pen.font = `650 14px ${getComputedStyle(this.canvas).fontFamily}`;
    const [x, y] = this.#onScreen(last);
    const half = pen.measureText(last.title).width / 2 + 8;
    return { x: Math.min(this.width - half, Math.max(half, x)), y: y > 44 ? y - 22 : y + 32, half };
  }

  #drawHomes(pen) {
    const title = this.#titleBox(pen);
    pen.font = `700 13px ${getComputedStyle(this.canvas).fontFamily}`;
    pen.textAlign = "center";
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    const taken = title ? [title] : [];
    for (const home of this.homes ?? []) {
      const [x, y] = this.#onScreen(home);
      const half = pen.measureText(home.name).width / 2;
      // A name that would lie on another is in the legend.
      if (taken.some((box) => Math.abs(box.x - x) < box.half + half + 6 && Math.abs(box.y - y) < 18)) continue;
      taken.push({ x, y, half });
      pen.globalAlpha = this.#path.length ? 0.75 : 1;
      this.#write(pen, home.name, x, y);
    }
    pen.globalAlpha = 1;
  }

  #drawAhead(pen) {
    const from = this.#path.at(-1);
    for (const { point, probability } of this.candidates ?? []) {
      const [x, y] = this.#onScreen(point);
      pen.strokeStyle = this.ink;
      pen.globalAlpha = 0.75;
      pen.lineWidth = 1.3;
      pen.beginPath();
      pen.arc(x, y, 4 + 26 * Math.sqrt(probability), 0, 7);
      pen.stroke();
    }
    pen.globalAlpha = 1;
    const ahead = this.#ways.length ? this.#ways : [this.#next].filter(Boolean);
    if (!from || !ahead.length) return;
    pen.setLineDash([3, 5]);
    pen.strokeStyle = this.accent;
    pen.lineWidth = 2;
    this.#line(pen, [from, ...ahead]);
    pen.setLineDash([]);
    for (const point of ahead) this.#spot(pen, point, 3, this.sheet, this.accent);
  }

  #drawPath(pen) {
    const path = this.#path;
    if (!path.length) return;
    const [last, before] = [path.at(-1), path.at(-2)];
    const at = before && this.#arrived < 1 ? between(before, last, this.#arrived) : last;
    const walked = [...path.slice(0, -1), at];
    const recent = walked.slice(-RECENT);
    pen.strokeStyle = this.accent;
    pen.lineWidth = 2;
    pen.globalAlpha = 0.3;
    if (walked.length > RECENT) this.#line(pen, walked.slice(0, 1 - RECENT));
    pen.globalAlpha = 1;
    pen.lineWidth = 7;
    pen.strokeStyle = this.sheet;
    this.#line(pen, recent);
    pen.lineWidth = 3;
    pen.strokeStyle = this.accent;
    this.#line(pen, recent);
    for (const point of recent.slice(0, -1)) {
      this.#spot(pen, point, 4, point.skipped ? this.sheet : point.colour, this.ink);
    }
    const [x, y] = this.#onScreen(at);
    pen.globalAlpha = 0.25;
    pen.fillStyle = this.accent;
    pen.beginPath();
    pen.arc(x, y, 16, 0, 7);
    pen.fill();
    pen.globalAlpha = 1;
    this.#spot(pen, at, 7, this.accent, this.sheet);
    const title = this.#titleBox(pen);
    pen.lineWidth = 5;
    this.#write(pen, last.title, title.x, title.y);
  }

  #write(pen, text, x, y) {
    pen.textAlign = "center";
    pen.strokeStyle = this.sheet;
    pen.strokeText(text, x, y);
    pen.fillStyle = this.ink;
    pen.fillText(text, x, y);
  }

  #spot(pen, point, size, fill, edge) {
    const [x, y] = this.#onScreen(point);
    pen.beginPath();
    pen.arc(x, y, size, 0, 7);
    pen.fillStyle = fill;
    pen.fill();
    pen.lineWidth = 1.8;
    pen.strokeStyle = edge;
    pen.stroke();
  }

  /** A line through points that bends at each of them as little as it can (Catmull-Rom). */
  #line(pen, points) {
    const at = points.map((point) => this.#onScreen(point));
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(...at[0]);
    for (let n = 0; n + 1 < at.length; n += 1) {
      const [a, b, c, d] = [at[n - 1] ?? at[n], at[n], at[n + 1], at[n + 2] ?? at[n + 1]];
      const leaving = [0, 1].map((axis) => b[axis] + (c[axis] - a[axis]) / 6);
      const arriving = [0, 1].map((axis) => c[axis] - (d[axis] - b[axis]) / 6);
      pen.bezierCurveTo(...leaving, ...arriving, ...c);
    }
    pen.stroke();
  }

  #under(event) {
    const box = this.canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - box.x, event.clientY - box.y];
    let found = null;
    let least = REACH_PX ** 2;
    for (const point of this.#points.values()) {
      const [x, y] = this.#onScreen(point);
      const away = (x - px) ** 2 + (y - py) ** 2;
      if (away < least) [found, least] = [point, away];
    }
    return found;
  }

  #pointed(event) {
    if (this.#grabbed) return;
    this.#say(this.#under(event));
  }

  #say(point) {
    this.word.hidden = !point;
    this.canvas.style.cursor = point ? "pointer" : "grab";
    if (!point) return;
    const [x, y] = this.#onScreen(point);
    this.word.textContent = [point.title, point.artist, point.genre].filter(Boolean).join(" · ");
    const wide = this.word.offsetWidth;
    this.word.style.insetInlineStart = `${Math.min(this.width - wide - 8, Math.max(8, x - wide / 2))}px`;
    this.word.style.top = `${y > 50 ? y - 42 : y + 16}px`;
  }

  #grab(event) {
    if (event.button !== 0) return;
    const start = { px: event.clientX, py: event.clientY, view: this.#view };
    this.#grabbed = false;
    const move = (moved) => {
      const [dx, dy] = [moved.clientX - start.px, moved.clientY - start.py];
      if (Math.hypot(dx, dy) > 4) this.#grabbed = true;
      if (!this.#grabbed) return;
      const { zoom } = start.view;
      const x = start.view.x - dx / (zoom * (this.width / 2 - EDGE_PX));
      const y = start.view.y - dy / (zoom * (this.height / 2 - EDGE_PX));
      this.#view = this.#within({ x, y, zoom });
      this.#draw();
    };
    const drop = (dropped) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", drop);
      removeEventListener("pointercancel", drop);
      const point = this.#grabbed || dropped.type === "pointercancel" ? null : this.#under(dropped);
      this.#grabbed = false;
      if (point) this.onPlay(point.track_id);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", drop);
    addEventListener("pointercancel", drop);
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls; zooming is asked for, as on other maps
    event.preventDefault();
    const box = this.canvas.getBoundingClientRect();
    this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.#onMap(event.clientX - box.x, event.clientY - box.y));
  }
}

const between = (from, to, share) => ({ x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share });
