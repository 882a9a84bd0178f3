"use strict";
(() => {
  const clear = "rgba(0,0,0,0)";
  for (const one of JSON.parse(document.getElementById("charts").textContent)) {
    const base = { paper_bgcolor: clear, plot_bgcolor: clear, margin: { l: 60, r: 16, t: 30, b: 48 }, height: 380, hovermode: "closest" };
    const legend = { orientation: "h", y: 1.02, yanchor: "bottom", bgcolor: clear };
    Plotly.newPlot(one.name, one.data, { ...base, legend, ...one.layout }, { responsive: true, displayModeBar: false });
  }

  function order(head, up) {
    const numeric = head.classList.contains("number");
    return (one, other) => {
      // What is not known comes last, whichever way it is sorted.
      if (one.key === "" || other.key === "") return (one.key === "") - (other.key === "");
      const way = numeric ? one.key - other.key : one.key.localeCompare(other.key, "en", { numeric: true });
      return up ? way : -way;
    };
  }

  function sort(head) {
    const up = head.getAttribute("aria-sort") === "descending";
    const body = head.closest("table").tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, key: row.cells[head.cellIndex].dataset.key }));
    body.append(...rows.sort(order(head, up)).map((one) => one.row));
    for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
  }

  for (const head of document.querySelectorAll(".sortable th")) {
    head.querySelector("button").addEventListener("click", () => sort(head));
  }

  document.getElementById("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const row of document.querySelectorAll(".sortable tbody tr, .filtered tbody tr")) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  document.documentElement.dataset.ready = "true";
})();
