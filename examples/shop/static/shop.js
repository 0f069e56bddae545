// Asks for a fragment every few seconds and puts it in place; stops when the fragment says so.
for (const part of document.querySelectorAll("[data-refresh]")) {
  const seconds = Number(part.dataset.seconds);
  const refresh = async () => {
    const until = part.dataset.until;
    if (until && part.querySelector(`[data-${until}]`)) return;
    try {
      // Not while it is hidden or somebody is in it: what one reads or tabs through must not go away.
      if (!document.hidden && !part.contains(document.activeElement)) {
        const answer = await fetch(part.dataset.refresh);
        if (answer.ok) part.innerHTML = await answer.text();
      }
    } catch {
      // The shop is away for a moment; the next look may find it.
    }
    setTimeout(refresh, seconds * 1000);
  };
  setTimeout(refresh, seconds * 1000);
}
