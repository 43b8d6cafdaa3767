// Select2 gives its fields no accessible names; point each one to its label.
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
  django.jQuery(select).on("select2:open", () => describeOpenList(box, label));
}

// The list of choices is at the end of the page, outside of its landmarks; Select2 only says that the field owns it.
function describeOpenList(box, label) {
  const list = document.body.lastElementChild;
  nameFields(list, label);
  list.setAttribute("role", "region");
  list.setAttribute("aria-labelledby", label.id);
  for (const field of box.querySelectorAll('[role="combobox"][aria-owns]')) {
    field.setAttribute("aria-controls", field.getAttribute("aria-owns"));
  }
}

// jQuery runs callbacks in order, so Django has created its fields by then.
window.addEventListener("load", () => {
  django.jQuery(() => document.querySelectorAll("select.admin-autocomplete").forEach(nameChoices));
});
