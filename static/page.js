// What every page does; the other files use `on` and `$`.
const TOAST_MS = 8000, UNDO_MS = 30000, BEAT_MS = 5000;
const on = (self.on = document.addEventListener.bind(document)), $ = (self.$ = document.querySelector.bind(document));
const all = document.querySelectorAll.bind(document), data = document.body.dataset, lang = document.documentElement.lang;

on("click", (event) => {
  const at = event.target;
  at.closest("[data-dismiss]")?.closest(".toast")?.remove();
  const link = at.closest("[data-copy]");
  if (link && navigator.clipboard) {
    event.preventDefault();
    navigator.clipboard.writeText(link.href ?? [...link.parentNode.querySelectorAll("pre")].at(-1).textContent);
    $("#announce").textContent = link.lastChild.textContent = link.dataset.copy;
  }
  if (at.closest("[data-close]")) at.closest("dialog").close();
  if (at.matches("dialog")) at.close(); // the backdrop
  for (const menu of all("details.menu[open]"))
    if (!menu.contains(at)) menu.open = false;
});

// A key that nobody types: ours, else of who hears "shortcut".
let going = 0;
const pressed = (key) => {
  const page = Date.now() - going < 1500 && $(`[data-go="${CSS.escape(key)}"]`);
  going = key === "g" ? Date.now() : 0;
  if (page) page.click();
  else if (key === "u") [...all("#toasts [data-undo]")].at(-1)?.click();
  else if (key === "?") $("#keys").showModal();
  else return !document.dispatchEvent(new CustomEvent("shortcut", { detail: key, cancelable: true }));
  return true;
};
on("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  if (!(typing || event.ctrlKey || event.metaKey || event.altKey || data.keys || $("dialog[open]")) &&
    pressed(event.key)) event.preventDefault();
  if (event.key !== "Escape") return;
  for (const menu of all("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A toast leaves; one hovered or focused stays, a warning too.
const leave = (toast) => {
  if (!toast.isConnected) return;
  if (toast.matches(":hover, :focus-within")) setTimeout(leave, 2000, toast);
  else toast.remove();
};
const watch = (toast) => {
  if (toast.classList.contains("toast-ok"))
    setTimeout(leave, toast.querySelector("[data-undo]") ? UNDO_MS : TOAST_MS, toast);
};
const toasts = $("#toasts");
for (const toast of toasts.querySelectorAll(".toast")) watch(toast);
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes)
    if (node.matches?.(".toast")) watch(node);
}).observe(toasts, { childList: true });

const UNITS = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat(lang, { numeric: "always" });
const skew = Date.parse(data.now) - Date.now(); // the server's clock counts
const relative = (at) => {
  const seconds = (at - Date.now() - skew) / 1000;
  if (Math.abs(seconds) < 1) return data.wordNow;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size * (size > 1 ? 1.5 : 1));
  return words.format(Math.round(seconds / size), unit);
};
setInterval(() => {
  if (document.hidden) return;
  for (const time of all("time[data-tip]")) {
    const text = relative(Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}, 10000);

setInterval(() => { if (!document.hidden) document.body.dispatchEvent(new Event("beat")); }, BEAT_MS);

// Title, icon and badge follow data-errored.
const bare = document.title.replace(/^\(\S+\) /, "");
const tell = (errored) => {
  const shown = errored.toLocaleString(lang);
  document.title = errored ? `(${shown}) ${bare}` : bare;
  const icon = $("#favicon"), badge = $("#errored-badge");
  const wanted = errored ? icon.dataset.errored : icon.dataset.calm;
  if (icon.getAttribute("href") !== wanted) icon.href = wanted;
  if (!badge) return;
  badge.hidden = !errored;
  badge.textContent = shown;
};
new MutationObserver((changes) => {
  for (const { target } of changes) tell(Number(target.dataset.errored) || 0);
}).observe($("#content"), { subtree: true, attributeFilter: ["data-errored"] });
