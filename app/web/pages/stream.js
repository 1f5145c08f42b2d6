// Server-sent events by fetch: `EventSource` cannot send a key. The format is that of the HTML standard (section 9.2).
// Knows nothing of what the events mean, but for `bye`: it says when to come back, and `end`: there is no more.

import { LATER, Unavailable, pause, refusal } from "./trying.js";

// The server says something every 15 s; after three silences the connection is taken for dead.
const SILENCE_MS = 45_000;

/**
 * Yield `{ event, data, id }` over as many connections as it takes, each going on where the one before ended. `data` is
 * parsed JSON. `onState` hears "open" and "lost" as they happen. Ends when `signal` aborts, after `end`, or after a
 * `bye` without `retry_ms`; throws Refused where the server says no.
 */
export async function* follow(segue, path, { signal, onState = () => {} } = {}) {
  let seen = null;
  let failures = 0;
  while (!signal?.aborted) {
    const silence = new AbortController();
    const giveUp = () => silence.abort(signal.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    let waitMs = null;
    let timer;
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new Unavailable("The stream fell silent.")), SILENCE_MS);
    };
    try {
      listen();
      const response = await fetch(segue.base + path, {
        headers: segue.headers({ Accept: "text/event-stream", ...(seen === null ? {} : { "Last-Event-ID": seen }) }),
        signal: silence.signal,
        cache: "no-store",
      });
      if (!response.ok) {
        const refused = await refusal(response);
        if (!LATER.has(response.status)) throw Object.assign(refused, { isFinal: true });
        throw refused;
      }
      onState("open");
      for await (const told of messages(response.body, listen)) {
        failures = 0;
        seen = told.id ?? seen;
        yield told;
        if (told.event === "end") return;
        if (told.event === "bye") {
          if (told.data.retry_ms === null) return;
          waitMs = told.data.retry_ms;
        }
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error.isFinal) throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      silence.abort(); // whoever stops reading lets the connection go
    }
    onState("lost");
    try {
      await pause(waitMs ?? 100 + segue.pauseMs(failures), signal);
    } catch {
      return;
    }
    failures += 1;
  }
}

/** Yield the events of one connection; comments are only a sign of life. */
async function* messages(body, onLife) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let fields = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onLife();
    const lines = (text + value).split(/\r?\n/);
    text = lines.pop();
    for (const line of lines) {
      if (line) {
        const [, name, rest] = /^([^:]*):? ?(.*)$/.exec(line);
        fields[name] = name === "data" && "data" in fields ? `${fields.data}\n${rest}` : rest;
      } else {
        if ("data" in fields) {
          yield { event: fields.event ?? "message", data: JSON.parse(fields.data), id: fields.id ?? null };
        }
        fields = {};
      }
    }
  }
}
