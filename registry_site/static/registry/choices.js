// Select2 leaves its fields without names for those who do not see them; each takes that of its label.
window.addEventListener("load", () => {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const label = document.querySelector(`label[for="${select.id}"]`);
    const name = label ? label.textContent.trim().replace(/:$/, "") : select.name;
    const box = select.nextElementSibling;
    if (!box) continue;
    for (const field of box.querySelectorAll('[role="combobox"], .select2-search__field')) {
      field.setAttribute("aria-label", name);
    }
  }
});
