// Draws the table of figures; a click leads to the tickets.
const plots = [], css = getComputedStyle;
const draw = () => {
  for (const plot of plots.splice(0)) plot.destroy();
  const box = $("#charts"), figures = box?.querySelector("details");
  if (!figures) return;
  const rows = [...figures.querySelectorAll("tbody tr")].reverse(), { color, borderColor } = css(figures);
  const marks = [...box.querySelectorAll(".marks [data-at]")], { zone, stamp, drawn, from, to } = box.dataset;
  figures.open &&= drawn;
  box.dataset.drawn = 1;
  const axis = { stroke: color, grid: { stroke: borderColor, width: 1 }, ticks: { show: false } };
  for (const place of box.querySelectorAll(".canvas")) {
    const keys = [...place.parentElement.querySelectorAll("[data-column]")];
    const lines = keys.map((key) => rows.map((row) => row.cells[key.dataset.column]));
    const plot = new uPlot({
      width: place.clientWidth, height: 150, legend: { show: false }, tzDate: (s) => uPlot.tzDate(new Date(s * 1e3), zone),
      cursor: { sync: { key: "house" }, drag: { x: false }, y: false },
      scales: { x: { range: () => [+from, +to] }, y: { range: (_, low, high) => [0, high * 1.1 || 1] } },
      axes: [{ ...axis, size: 26, values: stamp }, axis],
      series: [{}, ...keys.map((key, n) => ({ stroke: css(key).color, dash: n ? [4, 3] : [] }))],
      hooks: {
        setCursor: [({ cursor: { idx } }) => keys.forEach((key, n) => { key.lastElementChild.textContent = lines[n][idx]?.textContent ?? ""; })],
        draw: [({ ctx, bbox, valToPos }) => {
          ctx.fillStyle = color;
          for (const mark of marks) ctx.fillRect(valToPos(mark.dataset.at, "x", true), bbox.top, 1, bbox.height);
        }],
      },
    }, [rows.map((row) => +row.dataset.at), ...lines.map((line) => line.map(({ dataset: { v } }) => (v ? +v : null)))], place);
    plot.over.onclick = () => [...lines.map((line) => line[plot.cursor.idx]), rows[plot.cursor.idx]].map((at) => at.querySelector("a")).find(Boolean)?.click();
    plots.push(plot);
  }
};
for (const event of ["load", "resize"]) addEventListener(event, draw);
on("htmx:after:swap", ({ target }) => { if (target.id !== "overview") draw(); });
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
