// Fetches what changes, cell by cell, never under the focus.
const EVERY_MS = 700, POLL_MS = 3000;
let source = null, polling = 0, timer = 0, last = 0, busy = false, again = false;
const shown = () => $("[data-live]");
const parse = (text) => {
  const made = document.createElement("template");
  made.innerHTML = text;
  return made.content;
};

const patchRow = (old, fresh) => {
  if (old.className !== fresh.className) old.className = fresh.className;
  [...fresh.cells].forEach((cell, n) => {
    const at = old.cells[n];
    if (!at || at.matches(".select") || at.innerHTML === cell.innerHTML) return;
    if (at.contains(document.activeElement)) return;
    at.replaceChildren(...cell.childNodes);
    self.htmx?.process(at);
  });
};

const patchList = async (list) => {
  const rows = [...list.querySelectorAll("tr[data-id]")];
  const ids = rows.map((row) => row.dataset.id).join(".");
  const url = list.dataset.rows + (list.dataset.rows.includes("?") ? "&" : "?") + "ids=" + ids;
  const text = await fetched(url);
  if (text === null || text === list.seen || !list.isConnected) return;
  list.seen = text;
  const made = parse(text);
  for (const row of rows) {
    const fresh = made.getElementById(row.id);
    if (fresh) patchRow(row, fresh);
    else row.classList.add("row-gone");
  }
  for (const count of made.querySelectorAll("[data-count]")) {
    const at = document.getElementById(count.dataset.count);
    if (!at) continue;
    at.textContent = count.textContent;
    if ("errored" in count.dataset) at.dataset.errored = count.dataset.errored;
  }
  const news = made.querySelector("[data-new]"), button = $("#fresh");
  if (!button || !news) return;
  list.pace = news.dataset.rest && POLL_MS;
  button.hidden = news.dataset.new === "0";
  if (button.textContent !== news.dataset.words) button.textContent = news.dataset.words;
};

// Parts that differ are exchanged, unless somebody is in them.
const patchBody = async (body) => {
  const text = await fetched(body.dataset.body);
  if (text === null || text === body.seen || !body.isConnected) return;
  body.seen = text;
  const fresh = parse(text).firstElementChild;
  const parts = (of) => [...of.querySelectorAll("[data-part]")];
  const names = (of) => parts(of).map((part) => part.dataset.part).join();
  const taken = (part) => part.contains(document.activeElement) || part.querySelector("details[open], tbody:hover") ||
    [...part.querySelectorAll("input:not([type=hidden])")].some((field) => field.value !== field.defaultValue);
  if (names(body) !== names(fresh) && !parts(body).some(taken)) {
    body.replaceWith(fresh);
    self.htmx?.process(fresh);
    return;
  }
  for (const part of parts(fresh)) {
    const at = body.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!at || at.innerHTML === part.innerHTML || taken(at)) continue;
    at.replaceWith(part);
    self.htmx?.process(part);
  }
};

const fetched = async (url) => {
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, cache: "no-cache" });
    if (answer.status === 401) stop();
    return answer.ok ? await answer.text() : null;
  } catch { return null; }
};

const refresh = async () => {
  timer = 0;
  const at = shown();
  if (!at || document.hidden) return;
  if (busy) { again = true; return; }
  busy = true;
  last = Date.now();
  try { await (at.dataset.body ? patchBody(at) : at.dataset.rows ? patchList(at) : null); } finally { busy = false; }
  if (again) { again = false; soon(); }
};
const soon = () => { timer ||= setTimeout(refresh, Math.max(0, last + (shown()?.pace || EVERY_MS) * (1 + Math.random() / 4) - Date.now())); };

const poll = () => { polling ||= setInterval(soon, POLL_MS); };
const stop = () => {
  source?.close();
  source = null;
  clearInterval(polling);
  polling = 0;
};
const start = () => {
  const at = shown();
  if (!at || source || document.hidden) return;
  source = new EventSource("/live?topics=" + encodeURIComponent(at.dataset.live + ",samples"));
  source.addEventListener("changed", soon);
  source.addEventListener("ready", () => { clearInterval(polling); polling = 0; soon(); });
  source.onerror = () => {
    if (source?.readyState === EventSource.CLOSED) { source = null; poll(); setTimeout(start, 30000); }
  };
};
on("visibilitychange", () => { if (document.hidden) stop(); else { start(); soon(); } });
addEventListener("pagehide", stop);
addEventListener("pageshow", start);
start();
