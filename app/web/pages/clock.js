// Playing one track at a time: its sound where the operator told where sounds are, otherwise its time, at a chosen
// speed. Tells `tick` and `end`. Knows nothing of what comes next.

// A track of unknown length counts as long as in POST /v1/playlists.
const USUAL_S = 210;
const TICK_MS = 200;

export class Clock extends EventTarget {
  #audio = null;
  #template = null;
  #timer = null;
  #before = 0;

  constructor() {
    super();
    this.track = null;
    this.position = 0;
    this.duration = 0;
    this.speed = 20;
    this.isPaused = true;
    this.sounds = false;
  }

  /** Play sounds found by a URL with `{track_id}` in it; null: only time passes. */
  useSounds(template) {
    this.#template = template;
    if (!template || this.#audio) return;
    this.#audio = new Audio();
    this.#audio.addEventListener("ended", () => this.#end());
    this.#audio.addEventListener("loadedmetadata", () => {
      if (Number.isFinite(this.#audio.duration)) this.duration = this.#audio.duration;
    });
    // A track without a sound is listened to in silence.
    this.#audio.addEventListener("error", () => {
      this.sounds = false;
      this.#tell("tick");
    });
  }

  /** Begin a track. */
  play(track) {
    this.track = track;
    this.position = 0;
    this.duration = track.duration_s ?? USUAL_S;
    this.sounds = Boolean(this.#template);
    if (this.sounds) this.#audio.src = this.#template.replaceAll("{track_id}", encodeURIComponent(track.track_id));
    this.resume();
  }

  resume() {
    if (!this.track) return;
    this.isPaused = false;
    this.#before = performance.now();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    if (this.sounds) {
      this.#audio.play().catch((error) => {
        if (error.name === "NotAllowedError") this.pause(); // a browser plays nothing before somebody touched the page
      });
    }
    this.#tell("tick");
  }

  pause() {
    this.isPaused = true;
    clearInterval(this.#timer);
    this.#audio?.pause();
    this.#tell("tick");
  }

  seek(position) {
    this.position = Math.min(Math.max(0, position), this.duration);
    if (this.sounds) this.#audio.currentTime = this.position;
    this.#tell("tick");
  }

  #tick() {
    const now = performance.now();
    // Tabs in the background are woken rarely; the time between counts all the same.
    if (this.sounds) this.position = this.#audio.currentTime;
    else this.position += ((now - this.#before) / 1000) * this.speed;
    this.#before = now;
    if (!this.sounds && this.position >= this.duration) this.#end();
    else this.#tell("tick");
  }

  #end() {
    this.position = this.duration;
    this.pause();
    this.#tell("end");
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}
