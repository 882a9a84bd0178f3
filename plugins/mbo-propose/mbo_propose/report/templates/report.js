"use strict";
(() => {
  const narrow = () => window.innerWidth < 600;
  const clear = "rgba(0,0,0,0)";
  const config = { responsive: true, displayModeBar: false };

  function layoutOf(one) {
    // On a narrow screen the entries stand below each other, and need a room of their own.
    const entries = one.layout.showlegend === false ? 0 : one.data.length;
    const top = !entries ? 14 : narrow() ? 14 + 19 * entries : 34;
    const legend = { orientation: narrow() ? "v" : "h", y: 1.02, yanchor: "bottom", x: 0, bgcolor: clear };
    return {
      paper_bgcolor: clear, plot_bgcolor: clear, font: { size: narrow() ? 11 : 13 }, legend,
      margin: { l: 50, r: 14, t: top, b: 44 }, dragmode: narrow() ? false : "zoom",
      height: one.name.startsWith("among-") ? 300 : 346 + top, ...one.layout,
    };
  }

  for (const one of JSON.parse(document.getElementById("charts").textContent)) {
    Plotly.newPlot(one.name, one.data, layoutOf(one), config);
  }
  const resize = () => document.querySelectorAll(".chart").forEach((chart) => Plotly.Plots.resize(chart));
  window.addEventListener("beforeprint", resize);
  window.addEventListener("afterprint", resize);

  function compare(numeric, sign) {
    return (one, other) => {
      // What is not known comes last, whichever way it is sorted.
      if (one.key === "" || other.key === "") return (one.key === "") - (other.key === "");
      const order = numeric ? one.key - other.key : one.key.localeCompare(other.key, "en", { numeric: true });
      return sign * order;
    };
  }

  function sort(table, head) {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => ({ row, key: row.cells[head.cellIndex].dataset.key }));
    rows.sort(compare(head.classList.contains("number"), sign));
    body.append(...rows.map((one) => one.row));
    for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const head of table.tHead.rows[0].cells) {
      head.querySelector("button").addEventListener("click", () => sort(table, head));
    }
  }
  document.documentElement.dataset.ready = "true";
})();
