// Asking before something is done that listeners will notice. Knows nothing of what it is.

import { element } from "./elements.js";

/** Ask, and resolve to whether somebody said yes. */
export function sure(title, text, yes) {
  return new Promise((resolve) => {
    const asking = element(
      "dialog",
      { "aria-labelledby": "sure-title" },
      element(
        "form",
        { method: "dialog" },
        element("h3", { id: "sure-title" }, title),
        element("p", { class: "soft" }, text),
        element(
          "div",
          { class: "choices" },
          element("button", { value: "" }, "Leave it"),
          element("button", { class: "main", value: "yes" }, yes),
        ),
      ),
    );
    asking.addEventListener("close", () => {
      asking.remove();
      resolve(asking.returnValue === "yes");
    });
    document.body.append(asking);
    asking.showModal();
  });
}
