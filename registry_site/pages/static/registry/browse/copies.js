// Buttons that copy the text of an element.
export async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Press Ctrl+C"; // browsers offer the clipboard only over HTTPS
  }
}

export function wireCopies() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    const element = document.getElementById(button.dataset.copies);
    button.addEventListener("click", () => {
      getSelection().selectAllChildren(element);
      copy(button, element.textContent);
    });
  }
}
