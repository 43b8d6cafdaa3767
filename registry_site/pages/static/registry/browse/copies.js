// Buttons that copy a checksum; without scripts they are hidden, and the checksum can be selected.
async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.checksum);
    button.textContent = "Copied";
  } catch {
    const selection = getSelection(); // browsers offer the clipboard only over HTTPS
    selection.selectAllChildren(button.parentElement.querySelector("code"));
    button.textContent = "Press Ctrl+C";
  }
}

export function wireCopies() {
  for (const button of document.querySelectorAll("[data-checksum]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}
