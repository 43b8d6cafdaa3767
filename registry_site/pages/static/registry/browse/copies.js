// Buttons that copy the text of an element, or a checksum; without scripts they are hidden.
export async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Press Ctrl+C"; // browsers offer the clipboard only over HTTPS
  }
}

export function wireCopies() {
  for (const button of document.querySelectorAll("[data-copies], [data-checksum]")) {
    const { copies, checksum } = button.dataset;
    const element = copies ? document.getElementById(copies) : button.parentElement.querySelector("code");
    button.hidden = false;
    button.addEventListener("click", () => {
      getSelection().selectAllChildren(element);
      copy(button, checksum ?? element.textContent);
    });
  }
}
