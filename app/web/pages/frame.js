// What stands around both pages: light or dark, the key a server asks for, and word of a server that is away.
// Knows nothing of what is between.

import { byId, element } from "./elements.js";
import { Refused, keepKey } from "./segue.js";

const THEME_AT = "segue-theme";

/** Follow the system's light or dark until a person chooses; `button` changes sides. */
export function themed(button) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const now = () => localStorage.getItem(THEME_AT) ?? (dark.matches ? "dark" : "light");
  const show = () => {
    document.documentElement.dataset.theme = now();
    button.setAttribute("aria-pressed", String(now() === "dark"));
    dispatchEvent(new CustomEvent("segue-theme"));
  };
  button.addEventListener("click", () => {
    localStorage.setItem(THEME_AT, now() === "dark" ? "light" : "dark");
    show();
  });
  dark.addEventListener("change", show);
  show();
}

/** Ask for an API key; resolves once one was typed and kept for this tab, or to false where somebody would not. */
export function askKey(why) {
  return new Promise((resolve) => {
    const field = element("input", { type: "password", id: "api-key", autocomplete: "off", required: true });
    const form = element(
      "form",
      { method: "dialog" },
      element("h3", { id: "key-title" }, "This server asks for a key"),
      element("p", { class: "soft" }, why),
      element("label", { for: "api-key" }, "API key"),
      field,
      element(
        "div",
        { class: "choices" },
        element("button", { type: "button", value: "", on: { click: () => asking.close("") } }, "Cancel"),
        element("button", { class: "main", value: "typed" }, "Use it"),
      ),
    );
    const asking = element("dialog", { "aria-labelledby": "key-title" }, form);
    asking.addEventListener("close", () => {
      asking.remove();
      const typed = asking.returnValue === "typed" && field.value.trim();
      if (typed) keepKey(typed);
      resolve(Boolean(typed));
    });
    document.body.append(asking);
    asking.showModal();
  });
}

/** Do what may need a key: where the server asks for one, ask the person and try again. */
export async function withKey(doing) {
  for (;;) {
    try {
      return await doing();
    } catch (error) {
      if (!(error instanceof Refused && error.isOfTheKey)) throw error;
      keepKey(null);
      if (!(await askKey(error.message))) throw error;
    }
  }
}

/** Tell in #notice that the server is away, and that it is back; a good word goes by itself. */
export class Notice {
  #timer;
  #isBad = false;

  bad(text) {
    this.#show(text, "notice");
    this.#isBad = true;
  }

  good(text) {
    this.#show(text, "notice good");
    this.#isBad = false;
    this.#timer = setTimeout(() => this.clear(), 5000);
  }

  /** Say that what was bad is over; nothing where it never was. */
  over(text) {
    if (this.#isBad) this.good(text);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#isBad = false;
    byId("notice").hidden = true;
  }

  #show(text, kind) {
    clearTimeout(this.#timer);
    const place = byId("notice");
    if (place.hidden === false && place.textContent === text && place.className === kind) return;
    place.className = kind;
    place.textContent = text;
    place.hidden = false;
  }
}
