// Select, acts in a dialog, / j k x r e f. Forms and links do the same.
document.documentElement.classList.add("js");
const boxes = () => [...document.querySelectorAll("input[name=ids]")];
const VERBS = { r: "retry", e: "expire", f: "fail" };
let from = null, held = null;

const show = () => {
  const bar = $("#bulk"), chosen = boxes().filter((box) => box.checked);
  for (const box of boxes()) box.closest("tr").classList.toggle("row-selected", box.checked);
  const page = $("[data-pick-page]");
  if (page) {
    page.checked = chosen.length > 0 && chosen.length === boxes().length;
    page.indeterminate = chosen.length > 0 && !page.checked;
  }
  if (!bar) return;
  const all = bar.querySelector('[value="all"]').checked;
  bar.toggleAttribute("data-open", chosen.length > 0 || all);
  const words = bar.querySelector("[data-selected]");
  words.textContent = words.dataset.words.replace("{n}", chosen.length);
};

on("click", (event) => {
  const box = event.target.closest("input[name=ids]");
  if (box) {
    const all = boxes();
    if (event.shiftKey && from && all.includes(from)) {
      const [a, b] = [all.indexOf(from), all.indexOf(box)].sort((x, y) => x - y);
      for (const other of all.slice(a, b + 1)) other.checked = box.checked;
    }
    from = box;
    show();
  }
  const acts = event.target.closest("[data-acts]");
  if (acts && self.htmx && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    open(acts.dataset.acts, acts.dataset.act);
  }
});
on("change", (event) => {
  if (event.target.matches("[data-pick-page]"))
    for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.matches('[data-pick-page], #bulk input')) show();
});

// The acts of one ticket; the answer takes the row's place.
const open = async (url, act) => {
  const dialog = $("#acts-dialog");
  await self.htmx.ajax("GET", url, { target: "#acts-body", swap: "innerHTML" });
  if (!dialog.open) dialog.showModal();
  const asked = act && dialog.querySelector(`#act-${act}`);
  if (!asked) return;
  asked.open = true;
  asked.querySelector('input[name="reason"]')?.focus();
};
on("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.request?.method === "POST" && ctx.response?.status < 500)
    ctx.sourceElement?.closest("dialog")?.close();
});
// The row that is exchanged keeps the focus.
on("focusin", ({ target }) => { held = target.closest("tr[data-id]")?.id ?? (target.closest("dialog") && held); });
on("htmx:after:swap", () => {
  show();
  if (document.activeElement === document.body) document.getElementById(held)?.focus();
});

on("shortcut", (event) => {
  const key = event.detail;
  const rows = boxes(), at = document.activeElement.closest?.("tr[data-id]");
  const n = rows.findIndex((box) => box.closest("tr") === at);
  let row = { j: rows[n + 1], k: rows[Math.max(0, n - 1)] }[key];
  if (key === "/") $("#search")?.focus();
  else if (row) row.focus();
  else if (key === "x" && n >= 0) rows[n].click();
  else if (VERBS[key] && $("#bulk[data-open]"))
    $(`#bulk [name=verb][value=${VERBS[key]}]`)?.click();
  else if (key === "r" && at) at.querySelector("button[name=moves]")?.click();
  else if (VERBS[key] && (row = at?.querySelector("[data-acts]")))
    open(row.dataset.acts, VERBS[key]);
  else return;
  event.preventDefault();
});
show();
