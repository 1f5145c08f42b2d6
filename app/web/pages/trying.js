// How a call can fail, and when it is worth trying again. Knows nothing of what was asked.

// Not now (429, 503), a proxy that found nobody (502, 504), and a session that changed too often meanwhile (409).
export const LATER = new Set([409, 429, 502, 503, 504]);

/** The server said no; `code` is one of the closed list that docs/api.md explains. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.name = "Refused";
    this.status = status;
    this.code = problem.code ?? "unknown";
    this.title = problem.title ?? "";
    this.fields = problem.errors ?? [];
    this.requestId = problem.request_id ?? null;
  }

  /** Whether another key would help. */
  get isOfTheKey() {
    return this.status === 401 || this.code === "scope_missing";
  }
}

/** Nobody answered in all attempts. What was to be reported is kept, and sent with the next call that gets through. */
export class Unavailable extends Error {
  constructor(message, cause) {
    super(message, { cause });
    this.name = "Unavailable";
  }
}

/** Read what the server refused with. */
export async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  return new Refused(response.status, problem ?? {});
}

/** Wait, unless somebody gives up. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
