// The link's secret is in the fragment, which browsers never send by themselves; this form sends it with the new password.
const form = document.getElementById("reset");
const answer = document.getElementById("answer");
const link = new URLSearchParams(window.location.hash.slice(1));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { tenant: link.get("tenant"), reset: link.get("reset"), password: form.password.value };
  const response = await fetch(form.dataset.route, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const result = await response.json();
  answer.textContent = response.ok ? result.message : result.details;
});
