// The player: puts the radio, the clock, the map and the lists on the page, and buttons in front of them.

import { Clock } from "./clock.js";
import { byId, element, icon } from "./elements.js";
import { Finder, ofTrack } from "./finder.js";
import { Notice, themed, withKey } from "./frame.js";
import { Radio } from "./radio.js";
import { save, share } from "./saving.js";
import { Segue, Unavailable, randomId } from "./segue.js";
import { SongMap } from "./songmap.js";
import { Station } from "./station.js";
import { UpNext } from "./upnext.js";

const LISTENER_AT = "segue-player";
const SPEEDS = [1, 2, 5, 10, 20, 60, 120];
const FILES = { "save-m3u8": "application/vnd.apple.mpegurl", "save-xspf": "application/xspf+xml" };
const STARTS = { tags: 6, tracks: 6 };
const ADVENTURES = [
  "always the most probable",
  "close to the path",
  "now and then a surprise",
  "often a surprise",
  "anything goes",
];
const DRAWINGS = {
  theme: ["M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9"],
  like: ["M12 20s-8-4.600-8-11a4.500 4.500 0 0 1 8-2.800A4.500 4.500 0 0 1 20 9c0 6.400-8 11-8 11"],
  pause: ["M9 5v14", "M15 5v14"],
  play: ["M8 5v14l11-7z"],
  skip: ["M5 5v14l10-7z", "M19 5v14"],
  block: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18", "m6 6 12 12"],
  share: ["M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1", "M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1"],
  save: ["M12 4v11", "m7 11 5 5 5-5", "M5 20h14"],
  plus: ["M12 6v12", "M6 12h12"],
  minus: ["M6 12h12"],
  close: ["m7 7 10 10", "m17 7-10 10"],
};
// As many as a map may hold.
const MAP_POINTS = 20_000;

class Player {
  constructor() {
    this.segue = new Segue();
    this.radio = new Radio(this.segue, ...rememberedListener());
    this.clock = new Clock();
    this.notice = new Notice();
    this.map = new SongMap(byId("map"), {
      word: byId("map-word"),
      legend: byId("legend"),
      onPlay: (id) => this.#act(() => this.#playId(id)),
    });
    this.upNext = new UpNext(byId("tracks"), {
      onPlay: (track) => this.#act(() => this.radio.play(track)),
      why: (id) => this.#why(id),
    });
    this.#draw();
    this.#listen();
  }

  /** Come up: the map, ways to start, and the station of the address, if it names one. */
  async begin() {
    await this.#act(async () => {
      this.clock.useSounds((await (await this.segue.request("GET", "/assets/sounds.json")).json()).audio_url);
      await this.#loadMap("stable");
      this.#offerStarts();
    });
    await this.#tune();
  }

  #draw() {
    for (const id of ["theme", "like", "skip"]) byId(id).append(icon(...DRAWINGS[id]));
    byId("zoom-in").append(icon(...DRAWINGS.plus));
    byId("zoom-out").append(icon(...DRAWINGS.minus));
    byId("share").append(icon(...DRAWINGS.share), "Copy link");
    byId("save-m3u8").append(icon(...DRAWINGS.save), "M3U8");
    byId("save-xspf").append(icon(...DRAWINGS.save), "XSPF");
    themed(byId("theme"));
    const finder = (id, label, onPick) =>
      new Finder(byId(id), {
        label,
        onPick,
        search: (text, signal) => withKey(() => this.segue.search(text, { limit: 12, signal })),
        tags: () => this.map.tags,
      });
    this.finder = finder("finder", "Play a song, an artist, a tag", (seed) => this.#startFrom(seed));
    finder("mix-finder", "Something else as well", (seed) =>
      this.#change({ seeds: [...this.radio.station.seeds, seed] }),
    );
    finder("to-finder", "Where it ends", (to) => this.#change({ to }));
  }

  #listen() {
    const { radio, clock } = this;
    radio.addEventListener("now", () => this.#showNow());
    radio.addEventListener("ranking", () => this.#showRanking());
    radio.addEventListener("plan", () => this.#showRanking());
    radio.addEventListener("liked", () => this.#showLiked());
    radio.addEventListener("model", () => this.#act(() => this.#loadMap(radio.ranking.checkpoint_id)));
    radio.addEventListener("arrived", () => this.#showStation());
    radio.addEventListener("dry", () => this.notice.bad("Nothing is left to play under these rules."));
    radio.addEventListener("away", ({ detail }) => this.#showAway(detail));
    radio.addEventListener("trouble", ({ detail }) => this.#trouble(detail));
    clock.addEventListener("tick", () => this.#showTime());
    clock.addEventListener("end", () => this.#act(() => radio.goOn()));
    byId("pause").addEventListener("click", () => (clock.isPaused ? clock.resume() : clock.pause()));
    byId("skip").addEventListener("click", () => this.#act(() => radio.goOn({ type: "skipped" })));
    byId("like").addEventListener("click", () => this.#act(() => radio.like()));
    byId("block").addEventListener("click", () => this.#act(() => radio.blockArtist()));
    byId("why").addEventListener("click", () => this.#toggleWhy());
    byId("position").addEventListener("input", (event) => clock.seek(Number(event.target.value)));
    byId("zoom-in").addEventListener("click", () => this.map.zoom(1.6));
    byId("zoom-out").addEventListener("click", () => this.map.zoom(1 / 1.6));
    byId("share").addEventListener("click", async () => (byId("kept").textContent = await share(radio.station)));
    for (const [id, type] of Object.entries(FILES)) byId(id).addEventListener("click", () => this.#save(type));
    for (const id of ["adventure", "gap", "way"]) {
      byId(id).addEventListener("input", () => this.#sayDials());
      byId(id).addEventListener("change", () => this.#change(this.#dials()));
    }
    byId("speed").addEventListener("input", () => this.#sayDials());
    addEventListener("hashchange", () => location.hash !== this.radio.station?.fragment && this.#tune());
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
      event.preventDefault();
      this.finder.field.focus();
    });
    const media = navigator.mediaSession;
    media?.setActionHandler("play", () => clock.resume());
    media?.setActionHandler("pause", () => clock.pause());
    media?.setActionHandler("nexttrack", () => this.#act(() => radio.goOn({ type: "skipped" })));
    this.#setDials(new Station());
  }

  /** Do what a person asked for; what goes wrong is said on the page. */
  async #act(doing) {
    try {
      return await withKey(doing);
    } catch (error) {
      this.#trouble(error);
    }
  }

  #trouble(error) {
    if (error.name === "AbortError") return;
    this.notice.bad(error instanceof Unavailable ? "The server does not answer." : error.message);
  }

  async #loadMap(checkpointId) {
    byId("map-says").textContent = "";
    try {
      const songMap = await this.segue.songMap(checkpointId, { limit: MAP_POINTS });
      this.map.load(songMap);
      const shown = songMap.points.length;
      const some = shown < songMap.tracks ? `the ${shown.toLocaleString("en")} most popular of ` : "";
      byId("map-says").textContent = `${some}${songMap.tracks.toLocaleString("en")} tracks; near means alike`;
    } catch (error) {
      if (error.code !== "no_song_map") throw error;
      byId("map-says").textContent = "This model was published before there were maps. The next one will have one.";
    }
  }

  #offerStarts() {
    const points = this.map.songMap?.points ?? [];
    const tags = this.map.tags.slice(0, STARTS.tags).map((name) => ({ kind: "tag", name, label: name }));
    const tracks = points.slice(0, STARTS.tracks).map(ofTrack);
    byId("starts").replaceChildren(
      ...[...tags, ...tracks].map((seed) =>
        element(
          "button",
          { class: `start ${seed.kind}`, on: { click: () => this.#startFrom(seed) } },
          element("span", {}, seed.label),
          seed.more ? element("span", { class: "soft" }, seed.more) : null,
        ),
      ),
    );
  }

  /** Play the station of the address. */
  async #tune() {
    const station = Station.of(location.hash);
    if (!station) return;
    await this.#act(async () => {
      const known = async (seed) => (seed?.kind === "track" ? ofTrack(await this.segue.track(seed.name)) : seed);
      const seeds = await Promise.all(station.seeds.map(known));
      this.#tuneTo(station.with({ seeds, to: await known(station.to) }));
    });
  }

  #startFrom(seed) {
    return this.#tuneTo(new Station({ ...this.#dials(), seeds: [seed] }));
  }

  #save(mediaType) {
    return this.#act(async () => {
      byId("kept").textContent = await save(this.radio, mediaType);
    });
  }

  async #tuneTo(station) {
    this.#setDials(station);
    await this.#act(async () => {
      await this.radio.start(station);
      this.#showStation();
    });
  }

  async #change(changes) {
    if (!this.radio.station) return;
    await this.#act(async () => {
      await this.radio.change(this.radio.station.with(changes));
      this.#showStation();
    });
  }

  async #playId(trackId) {
    if (!this.radio.station) {
      const track = await this.segue.track(trackId);
      return this.#startFrom(ofTrack(track));
    }
    return this.radio.play(await this.segue.track(trackId));
  }

  #showNow() {
    const track = this.radio.now;
    for (const id of ["now", "next", "station", "heard"]) byId(id).hidden = false;
    byId("welcome").hidden = true;
    byId("player").classList.add("is-playing");
    byId("title").textContent = track.title;
    byId("artist").textContent = track.artist;
    byId("facts").textContent = [track.year, track.genre, ...track.tags.slice(0, 3)].filter(Boolean).join(" · ");
    byId("block").replaceChildren(icon(...DRAWINGS.block), element("span", {}, `No more ${track.artist}`));
    document.title = `${track.title}, ${track.artist} · Segue`;
    const { title, artist } = track;
    if (navigator.mediaSession) navigator.mediaSession.metadata = new MediaMetadata({ title, artist });
    this.#hideWhy();
    this.#showLiked();
    this.#showHeard();
    this.map.heard(this.radio.heard);
    this.clock.play(track);
  }

  #showLiked() {
    byId("like").setAttribute("aria-pressed", String(this.radio.liked.has(this.radio.now?.track_id)));
  }

  #showHeard() {
    byId("path").replaceChildren(
      ...this.radio.heard
        .slice(-12)
        .reverse()
        .map(({ title, artist, skipped }) =>
          element(
            "li",
            { class: skipped ? "skipped" : "" },
            element("span", {}, title),
            element("span", { class: "soft" }, skipped ? `${artist}, skipped` : artist),
          ),
        ),
    );
  }

  #showRanking() {
    const { ranking, before, next, plan, heard, station } = this.radio;
    if (!ranking) return;
    const gone = new Set(heard.map((track) => track.track_id));
    const left = { ...ranking, tracks: ranking.tracks.filter((track) => !gone.has(track.track_id)) };
    this.upNext.show(left, before, next);
    this.map.ahead(left.tracks.slice(0, 8), next, plan);
    const way = station.to && plan.length ? `${plan.length} tracks to ${station.to.label}` : "";
    byId("next-says").textContent = ranking.shortfall ?? way;
  }

  #showTime() {
    const { clock } = this;
    const position = byId("position");
    position.max = Math.round(clock.duration);
    position.value = Math.round(clock.position);
    position.setAttribute("aria-valuetext", `${minutes(clock.position)} of ${minutes(clock.duration)}`);
    position.style.setProperty("--share", `${(100 * clock.position) / (clock.duration || 1)}%`);
    byId("elapsed").textContent = minutes(clock.position);
    byId("length").textContent = minutes(clock.duration);
    const button = byId("pause");
    const label = clock.isPaused ? "Play" : "Pause";
    if (button.getAttribute("aria-label") === label && button.firstChild) return;
    button.setAttribute("aria-label", label);
    button.replaceChildren(icon(...DRAWINGS[clock.isPaused ? "play" : "pause"]));
  }

  #showStation() {
    const { station } = this.radio;
    history.replaceState(null, "", station.fragment);
    byId("seeds").replaceChildren(...station.seeds.map((seed) => element("li", { class: "chip" }, seed.label)));
    const to = byId("to");
    to.hidden = !station.to;
    byId("to-finder").hidden = Boolean(station.to);
    if (station.to) {
      const leave = element(
        "button",
        {
          class: "plain round",
          "aria-label": `Do not travel to ${station.to.label}`,
          on: { click: () => this.#change({ to: null }) },
        },
        icon(...DRAWINGS.close),
      );
      to.replaceChildren(element("span", { class: "chip" }, station.to.label, leave));
    }
    this.#showRanking();
  }

  #showAway({ isAway, sent }) {
    if (isAway) {
      this.notice.bad("The server does not answer. The music goes on; what you hear is told later.");
    } else {
      const missed = `, and was told of ${sent} ${sent === 1 ? "thing" : "things"} it missed`;
      this.notice.over(`The server is back${sent ? missed : ""}.`);
    }
  }

  async #toggleWhy() {
    if (!byId("why-says").hidden) return this.#hideWhy();
    byId("why").setAttribute("aria-expanded", "true");
    byId("why-says").hidden = false;
    byId("why-says").textContent = "…";
    byId("why-says").textContent = (await this.#act(() => this.radio.whyNow())) ?? "";
  }

  #hideWhy() {
    byId("why").setAttribute("aria-expanded", "false");
    byId("why-says").hidden = true;
  }

  async #why(trackId) {
    return (await this.#act(() => this.radio.why(trackId))) ?? "";
  }

  #dials() {
    const [adventure, gap, way] = ["adventure", "gap", "way"].map((id) => Number(byId(id).value));
    return { adventure, gap, way };
  }

  #setDials(station) {
    for (const id of ["adventure", "gap", "way"]) byId(id).value = station[id];
    byId("speed").value = SPEEDS.indexOf(this.clock.speed);
    this.#sayDials();
  }

  #sayDials() {
    const { adventure, gap, way } = this.#dials();
    this.clock.speed = SPEEDS[Number(byId("speed").value)];
    this.#say("adventure", ADVENTURES[adventure === 0 ? 0 : Math.min(4, 1 + Math.floor(adventure / 26))]);
    this.#say("gap", gap === 0 ? "artists may follow themselves" : `${gap} ${gap === 1 ? "track" : "tracks"} between`);
    this.#say("way", `${way} tracks`);
    this.#say("speed", this.clock.speed === 1 ? "as it plays" : `${this.clock.speed} times as fast`);
  }

  #say(id, words) {
    byId(`${id}-says`).textContent = words;
    byId(id).setAttribute("aria-valuetext", words);
  }
}

/** The listener of this browser, a name by chance that says nothing of anybody, and whether it was one before. */
function rememberedListener() {
  const known = localStorage.getItem(LISTENER_AT);
  const listenerId = known ?? `player-${randomId().slice(0, 16)}`;
  localStorage.setItem(LISTENER_AT, listenerId);
  return [listenerId, known !== null];
}

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

new Player().begin();
