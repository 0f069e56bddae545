// The theme without loading the page again; without this file the form does it.
addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form.theme")) return;
  event.preventDefault();
  const theme = event.submitter.value;
  const body = new FormData(form, event.submitter);
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("form.theme button"))
    button.setAttribute("aria-pressed", String(button.value === theme));
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
  if (answer.type !== "opaqueredirect" && !answer.ok) location.reload();
});
