// Plots follow the page: on a narrow one a plot's own legend goes below, and only frontier names are
// written.
(() => {
  const NARROW = 440;
  const ROW = 20;

  function remember(plot) {
    if (!plot.wide) {
      const { legend, margin, height } = plot.layout;
      const sides = plot.data.map((trace) => trace.textposition);
      plot.wide = { legend: legend || {}, margin, height, sides };
    }
    return plot.wide;
  }

  // Rows of a legend that is as wide as the page.
  function rows(plot, width) {
    if (plot.layout.showlegend === false) return 0;
    const longest = Math.max(...plot.data.map((trace) => (trace.name || "").length));
    const columns = Math.max(1, Math.floor(width / (6.5 * longest + 50)));
    return Math.ceil(plot.data.length / columns);
  }

  // A long title of an axis gets smaller letters in place of being cut.
  function titleSize(title, room) {
    return Math.max(8, Math.min(12, room / (0.56 * ((title || {}).text || "").length)));
  }

  function narrowLayout(plot, wide, width, below) {
    const height = Math.min(wide.height, 400);
    return {
      legend: {
        ...wide.legend,
        orientation: "h",
        font: { size: 11 },
        xref: "container",
        x: 0,
        xanchor: "left",
        yref: "container",
        y: 0,
        yanchor: "bottom",
      },
      margin: { ...wide.margin, l: 58, r: 12, b: 60 + below },
      height: height + below,
      "xaxis.title.font.size": titleSize(plot.layout.xaxis.title, width - 70),
      "yaxis.title.font.size": titleSize(plot.layout.yaxis.title, height - 100),
    };
  }

  function wideLayout(wide) {
    const { legend, margin, height } = wide;
    return { legend, margin, height, "xaxis.title.font.size": 14, "yaxis.title.font.size": 14 };
  }

  // Sides for names on a narrow plot: inside, over no other name and no other point; else none.
  function narrowSides(plot, traces) {
    const { xaxis, yaxis } = plot._fullLayout;
    // Points of another kind of cost stand nowhere.
    const points = traces.map((trace) =>
      trace.visible === false ? [-1e6, -1e6] : [xaxis.d2p(trace.x[0]), yaxis.d2p(trace.y[0])]);
    const taken = points.map(([x, y]) => [x - 6, y - 6, x + 6, y + 6]);
    const meets = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
    return traces.map((trace, k) => {
      if (trace.meta !== "frontier" || trace.visible === false) return null;
      const [x, y] = points[k];
      const width = 7.4 * trace.name.length;
      for (const [side, left, top] of [
        ["top right", x + 8, y - 22],
        ["top left", x - 8 - width, y - 22],
        ["bottom right", x + 8, y + 7],
        ["bottom left", x - 8 - width, y + 7],
        ["top center", x - width / 2, y - 24],
        ["bottom center", x - width / 2, y + 9],
      ]) {
        const box = [left, top, left + width, top + 15];
        const inside = box[0] >= 0 && box[2] <= xaxis._length && box[1] >= 0 && box[3] <= yaxis._length;
        if (!inside || taken.some((other, i) => i !== k && meets(box, other))) continue;
        taken.push(box);
        return side;
      }
      return null;
    });
  }

  function fit(plot) {
    const wide = remember(plot);
    const width = plot.parentElement.clientWidth;
    const narrow = width < NARROW;
    if (plot.narrow === narrow) return Plotly.Plots.resize(plot);
    plot.narrow = narrow;
    const layout = narrow ? narrowLayout(plot, wide, width, ROW * rows(plot, width)) : wideLayout(wide);
    for (const box of [plot, plot.parentElement]) if (box.style.height) box.style.height = `${layout.height}px`;
    const points = [...plot.data.keys()].filter((i) => /^(named|frontier)$/.test(plot.data[i].meta));
    if (!points.length) return Plotly.relayout(plot, layout);
    const traces = points.map((i) => plot.data[i]);
    // Positions are those of the new layout.
    return Plotly.relayout(plot, layout).then(() => {
      const sides = narrow ? narrowSides(plot, traces) : points.map((i) => wide.sides[i]);
      const change = {
        mode: sides.map((side) => (narrow && !side ? "markers" : "markers+text")),
        textposition: sides.map((side) => side || "top right"),
      };
      return Plotly.restyle(plot, change, points);
    });
  }

  // Another kind of cost has its points elsewhere.
  function again(plot) {
    if (!plot.narrow) return;
    plot.narrow = undefined;
    fit(plot);
  }

  window.addEventListener("load", () => {
    for (const plot of document.querySelectorAll(".js-plotly-plot"))
      plot.on("plotly_buttonclicked", () => setTimeout(() => again(plot), 0));
  });
  const all = () => document.querySelectorAll(".js-plotly-plot").forEach(fit);
  window.addEventListener("load", all);
  window.addEventListener("resize", all);
  window.addEventListener("beforeprint", all);
})();

// One legend for all plots: its entries hide and show the traces of their label.
(() => {
  const entries = [...document.querySelectorAll(".legend button")];
  const hidden = new Set();

  function apply() {
    for (const entry of entries) {
      entry.setAttribute("aria-pressed", String(!hidden.has(entry.dataset.label)));
    }
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      const change = { hide: [], show: [] };
      plot.data.forEach((trace, i) => {
        if (!trace.legendgroup) return;
        const hide = hidden.has(trace.legendgroup);
        // A trace of another kind of cost is not shown, and stays so.
        if (hide && (trace.visible === undefined || trace.visible === true)) change.hide.push(i);
        if (!hide && trace.visible === "legendonly") change.show.push(i);
      });
      if (change.hide.length) Plotly.restyle(plot, { visible: "legendonly" }, change.hide);
      if (change.show.length) Plotly.restyle(plot, { visible: true }, change.show);
    }
  }

  function toggle(label) {
    if (!hidden.delete(label)) hidden.add(label);
    apply();
  }

  function isolate(label) {
    const others = entries.map((entry) => entry.dataset.label).filter((other) => other !== label);
    const alone = others.every((other) => hidden.has(other));
    hidden.clear();
    if (!alone) others.forEach((other) => hidden.add(other));
    apply();
  }

  for (const entry of entries) {
    // The second click of a double click undoes the first.
    entry.addEventListener("click", () => toggle(entry.dataset.label));
    entry.addEventListener("dblclick", () => isolate(entry.dataset.label));
  }
  window.addEventListener("load", () => {
    // Buttons of a plot show traces again.
    for (const plot of document.querySelectorAll(".js-plotly-plot"))
      plot.on("plotly_buttonclicked", () => setTimeout(apply, 0));
  });
})();

// The command is shown, and copied where the browser allows it.
(() => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const shown = button.nextElementSibling;
      shown.hidden = !shown.hidden;
      if (shown.hidden) return;
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
      } catch {
        getSelection().selectAllChildren(shown);
      }
    });
  }
})();
