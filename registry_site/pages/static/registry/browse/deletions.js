// Deletions need a confirmation. Their buttons are enabled here, so that no click before that is lost.
import { attempt, leave, send } from "./api.js";

const dialog = document.getElementById("confirm");

function confirmed(question, verb = "Delete") {
  dialog.querySelector("[value=yes]").textContent = verb;
  document.getElementById("confirm-question").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function wireDeletions() {
  for (const button of document.querySelectorAll("[data-delete]")) {
    button.disabled = false;
    button.addEventListener("click", async () => {
      if (!(await confirmed(button.dataset.question, button.dataset.verb))) return;
      await attempt(document.querySelector("main > .refusal"), button, async () => {
        await send("DELETE", button.dataset.delete);
        leave(button.dataset.then, button.dataset.done);
      });
    });
  }
}
