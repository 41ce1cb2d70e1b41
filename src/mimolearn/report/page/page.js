// Plots follow the page: on a narrow one the legend goes below, and only frontier names are written.
(() => {
  const NARROW = 560;
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

  // A name stays inside: to the right of points on the left, and the other way round.
  function inside(plot, trace) {
    const [low, high] = plot._fullLayout.xaxis.range;
    return Math.log10(trace.x[0]) < (low + high) / 2 ? "top right" : "top left";
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
    const change = {
      mode: traces.map((trace) => (narrow && trace.meta === "named" ? "markers" : "markers+text")),
      textposition: points.map((i, k) => (narrow ? inside(plot, traces[k]) : wide.sides[i])),
    };
    return Plotly.update(plot, change, layout, points);
  }

  const all = () => document.querySelectorAll(".js-plotly-plot").forEach(fit);
  window.addEventListener("load", all);
  window.addEventListener("resize", all);
  window.addEventListener("beforeprint", all);
})();
