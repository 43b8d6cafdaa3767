// Select2 leaves its fields without names for those who do not see them; each takes that of its label.
function nameFields(root, label) {
  for (const field of root.querySelectorAll('[role="combobox"], [role="textbox"], .select2-search__field')) {
    if (field.getAttribute("aria-labelledby") !== label.id) field.setAttribute("aria-labelledby", label.id);
  }
}

function nameChoices(select) {
  const label = document.querySelector(`label[for="${select.id}"]`);
  const box = select.parentElement.querySelector(".select2-container");
  label.id = label.id || `${select.id}_label`;
  nameFields(box, label);
  new MutationObserver(() => nameFields(box, label)).observe(box, { childList: true, subtree: true });
  django.jQuery(select).on("select2:open", () => nameFields(document.body.lastElementChild, label));
}

// jQuery calls back in order: Django has made its fields by then.
window.addEventListener("load", () => {
  django.jQuery(() => document.querySelectorAll("select.admin-autocomplete").forEach(nameChoices));
});
