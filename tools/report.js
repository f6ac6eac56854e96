// SPDX-License-Identifier: MIT
// tools/report.js: draws the report from the data in the page.
// Data becomes text nodes and computed attributes, never markup (REPORT-1).
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";

// ---- making elements -------------------------------------------------------

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "on") {
      for (const [event, fn] of Object.entries(value)) {
        element.addEventListener(event, fn);
      }
    } else if (value !== null && value !== undefined) {
      element.setAttribute(key, value);
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child);
    }
  }
  return element;
}
const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

// ---- numbers for people ----------------------------------------------------

const group = (n) => Math.round(n).toLocaleString("en-US");

function digits(value) {
  const size = Math.abs(value);
  return size >= 100 || size === 0 ? value.toFixed(0)
    : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

// [number, unit], for a big number with a small unit.
function scaled(value, units, step) {
  let i = 0;
  while (i + 1 < units.length && Math.abs(value) >= step) {
    value /= step;
    i++;
  }
  return [i === 0 && Number.isInteger(value) ? String(value) : digits(value),
    units[i]];
}
const bytesParts = (n) => scaled(n, ["B", "KiB", "MiB", "GiB", "TiB"], 1024);
const nsParts = (n) => n >= 1e9 ? [digits(n / 1e9), "s"]
  : scaled(n, ["ns", "µs", "ms"], 1000);
const joined = (parts) => parts[0] + "\u202f" + parts[1];
const bytes = (n) => n === null || n === undefined ? "–"
  : joined(bytesParts(n));
const ns = (n) => n === null || n === undefined ? "–" : joined(nsParts(n));
// A round figure for an axis: 10 µs, not 10.0 µs.
const nsTick = (n) => {
  const [value, unit] = nsParts(n);
  return Number(value) + "\u202f" + unit;
};

const bytesTick = (n) => {
  const [value, unit] = bytesParts(n);
  return Number(value) + "\u202f" + unit;
};

// A metric's value by the unit behind the colon of its name.
function metricText(name, value) {
  const unit = name.slice(name.lastIndexOf(":") + 1);
  if (typeof value !== "number") {
    return "";
  }
  if (unit === "bytes") {
    // "No limit" is the largest number there is.
    return value >= 9e18 ? "no limit" : bytes(value);
  }
  if (unit === "seconds" || unit === "cpu-seconds") {
    return ns(value * 1e9);
  }
  return Number.isInteger(value) ? group(value) : digits(value);
}

// ---- the tip ---------------------------------------------------------------

const tip = document.getElementById("tip");

function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const right = event.clientX + 16 + box.width > window.innerWidth;
  const left = right ? event.clientX - 14 - box.width : event.clientX + 16;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = Math.min(window.innerHeight - box.height - 6,
    Math.max(6, event.clientY - box.height / 2)) + "px";
}
const hideTip = () => { tip.hidden = true; };

// ---- what a run holds, from its trace or, without one, from its samples -----

const IDLE_WORKER = 3; // enum tri_worker_mode

function seriesHeap(series) {
  if (!series || !series.t_ns || !series["/gc/heap/now:bytes"]) {
    return null;
  }
  return { t: series.t_ns, live: series["/gc/heap/now:bytes"].map((n) => Math.max(0, n)),
    goal: series["/gc/heap/goal:bytes"] || [], sampled: true };
}

// A trace tells the heap's size where it changes much; samples fill the gaps.
function mergedHeap(traced, sampled) {
  const gap = 1e7;
  const heap = { t: [], live: [], goal: [] };
  const add = (from, i) => {
    heap.t.push(from.t[i]);
    heap.live.push(Math.max(0, from.live[i]));
    heap.goal.push(from.goal[i]);
  };
  let j = 0;
  traced.t.forEach((t, i) => {
    const before = i > 0 ? traced.t[i - 1] : t;
    while (j < sampled.t.length && sampled.t[j] < t) {
      if (sampled.t[j] > before + gap && sampled.t[j] < t - gap) {
        add(sampled, j);
      }
      j++;
    }
    add(traced, i);
  });
  return heap;
}

// Without a trace: a mark wherever the number of collections grew.
function sampledCycles(series) {
  const counts = series && series["/gc/cycles/total:gc-cycles"];
  const marks = [];
  for (let i = 1; counts && i < counts.length; i++) {
    if (counts[i] > counts[i - 1]) {
      marks.push({ n: counts[i], begin: series.t_ns[i - 1],
        end: series.t_ns[i], sampled: true });
    }
  }
  return marks;
}

// A metric's histogram (seconds) in the form of a trace's (nanoseconds).
function metricDurations(histogram) {
  const bins = [];
  let count = 0;
  histogram.counts.forEach((n, i) => {
    if (n > 0) {
      const low = histogram.bounds[i] === null ? 0 : histogram.bounds[i];
      const high = histogram.bounds[i + 1];
      bins.push([low * 1e9, n, (high === null ? low * 2 : high) * 1e9]);
      count += n;
    }
  });
  const at = (part) => {
    let seen = 0;
    for (const bin of bins) {
      seen += bin[1];
      if (seen >= part * count) {
        return bin[2];
      }
    }
    return 0;
  };
  return { count, bins, p50: at(0.5), p90: at(0.9), p99: at(0.99),
    max: at(1), sampled: true };
}

function pauseDurations(run, which) {
  for (const [name, value] of Object.entries(run.metrics || {})) {
    if (/pauses/.test(name) && name.includes(which) && value && value.counts) {
      return metricDurations(value);
    }
  }
  return null;
}

function modelOf(entry) {
  const run = entry.run || null;
  const trace = entry.trace || null;
  const model = { label: entry.label, notes: entry.notes || [], run, trace };
  if (!run) {
    return model;
  }
  const metrics = run.metrics || {};
  const metric = (name) =>
    typeof metrics[name] === "number" ? metrics[name] : null;
  const invariants = run.invariants || [];
  model.metric = metric;
  model.invariants = invariants;
  model.failed = invariants.filter((one) => !one.ok).length;
  const drawn = trace && trace.heap && trace.heap.t.length > 1;
  const sampled = seriesHeap(run.series);
  model.heap = !drawn ? sampled
    : sampled ? mergedHeap(trace.heap, sampled) : trace.heap;
  model.cycles = trace && trace.cycles.length > 0 ? trace.cycles
    : sampledCycles(run.series);
  model.pauses = trace ? trace.pauses.list : [];
  model.stopping = trace && trace.pauses.count > 0 ? trace.pauses.stopping_ns
    : pauseDurations(run, "stopping");
  model.paused = trace && trace.pauses.count > 0 ? trace.pauses.total_ns
    : pauseDurations(run, "total");
  model.cycleCount = metric("/gc/cycles/total:gc-cycles");
  model.gcSeconds = ["assist", "dedicated", "idle"]
    .map((kind) => metric(`/cpu/classes/gc/mark/${kind}:cpu-seconds`) || 0)
    .reduce((a, b) => a + b, 0);
  const peak = model.heap ? model.heap.live : [];
  model.peak = peak.reduce((a, b) => Math.max(a, b), 0) || null;
  return model;
}

// ---- the timeline: heap above, collector, pauses and workers below -----------

function niceTicks(low, high, count, base) {
  const rough = (high - low) / count;
  let step = Math.pow(base, Math.floor(Math.log(rough) / Math.log(base)));
  const factors = base === 2 ? [1, 2] : [1, 2, 5, 10];
  step *= factors.find((f) => step * f >= rough) || base;
  const ticks = [];
  for (let t = Math.ceil(low / step) * step; t <= high; t += step) {
    ticks.push(t);
  }
  return ticks;
}

// The last index whose time is not after t, or -1.
function indexAt(times, t) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= t) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

// A path through the points in [t0, t1] and one on each side, thinned to the
// highest and lowest of each half pixel.
function pathOf(times, values, t0, t1, x, y) {
  const first = Math.max(0, indexAt(times, t0));
  const last = Math.min(times.length - 1, indexAt(times, t1) + 1);
  const points = [];
  let column = null, low, high;
  const flush = () => {
    if (column !== null) {
      points.push([column, y(low)]);
      if (high !== low) {
        points.push([column, y(high)]);
      }
    }
  };
  for (let i = first; i <= last && i < values.length; i++) {
    const px = Math.round(x(times[i]) * 2) / 2;
    if (px !== column) {
      flush();
      column = px;
      low = high = values[i];
    } else {
      low = Math.min(low, values[i]);
      high = Math.max(high, values[i]);
    }
  }
  flush();
  return points;
}
const toPath = (points) => points.map((p, i) =>
  (i ? "L" : "M") + p[0].toFixed(1) + " " + p[1].toFixed(1)).join("");

// The same as steps: a goal holds until the next one.
const toSteps = (points) => points.map((p, i) =>
  i ? `H${p[0].toFixed(1)}V${p[1].toFixed(1)}`
    : `M${p[0].toFixed(1)} ${p[1].toFixed(1)}`).join("");

class Timeline {
  constructor(model) {
    this.model = model;
    const run = model.run;
    const rss = run.series && run.series["rss:bytes"];
    this.rss = rss && rss.length > 1
      ? { t: run.series.t_ns, v: rss } : null;
    const lastHeap = model.heap ? model.heap.t[model.heap.t.length - 1] : 0;
    this.end = Math.max(run.wall_ns || 0, lastHeap,
      model.trace ? model.trace.last : 0);
    this.start = Math.min(0, model.heap ? model.heap.t[0] : 0);
    this.range = [this.start, this.end];
    this.workers = model.trace ? model.trace.workers : [];
    this.procs = [...new Set(this.workers.map((w) => w[0]))]
      .sort((a, b) => a - b);
    this.holder = h("div");
    this.drag = null;
    new ResizeObserver(() => this.draw()).observe(this.holder);
  }

  lanes() {
    const model = this.model;
    const lanes = [];
    const exact = model.cycles.some((c) => !c.sampled);
    if (exact) {
      lanes.push({ name: "mark", color: "var(--mark)",
        items: model.cycles.filter((c) => c.begin && c.end)
          .map((c) => [c.begin, c.end]) });
      lanes.push({ name: "sweep", color: "var(--sweep)",
        items: model.cycles.filter((c) => c.sweep_begin && c.sweep_end)
          .map((c) => [c.sweep_begin, c.sweep_end]) });
    }
    if (model.pauses.length > 0) {
      lanes.push({ name: "pauses", color: "var(--pause)", thin: true,
        items: model.pauses.map((p) => [p[0], p[0] + p[2]]) });
    }
    for (const proc of this.procs) {
      lanes.push({ name: "P" + proc, color: "var(--worker)",
        items: this.workers.filter((w) => w[0] === proc)
          .map((w) => [w[1], w[2], w[3] === IDLE_WORKER ? 0.45 : 1]) });
    }
    return lanes;
  }

  draw() {
    const width = Math.floor(this.holder.clientWidth);
    if (width < 80 || width === this.width && this.drawn === this.range) {
      return;
    }
    this.width = width;
    this.drawn = this.range;
    const lanes = this.lanes();
    this.left = 62;
    this.right = 10;
    this.plot = { top: 8, height: 268 };
    this.bottom = this.plot.top + this.plot.height;
    this.lanesTop = this.bottom + 12;
    const height = this.lanesTop + lanes.length * 19 + 26;
    const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`,
      height, role: "img", "aria-label": "heap over time" });
    this.x = (t) => this.left + (t - this.range[0])
      / (this.range[1] - this.range[0]) * (width - this.left - this.right);
    const clip = "clip" + Math.random().toString(36).slice(2);
    svg.append(s("clipPath", { id: clip }, s("rect", { x: this.left, y: 0,
      width: width - this.left - this.right, height })));
    const inside = s("g", { "clip-path": `url(#${clip})` });
    this.drawGrid(svg, height);
    this.drawBands(inside);
    this.drawHeap(inside);
    this.drawLanes(svg, inside, lanes);
    svg.append(inside);
    this.cursor = s("line", { y1: this.plot.top, y2: height - 22,
      stroke: "var(--soft)", "stroke-dasharray": "2 3", visibility: "hidden" });
    this.choice = s("rect", { y: this.plot.top, height: this.plot.height,
      fill: "var(--heap-fill)", visibility: "hidden" });
    svg.append(this.choice, this.cursor);
    this.listen(svg);
    this.holder.replaceChildren(svg);
  }

  top() {
    const heap = this.model.heap;
    let high = 1;
    for (const list of [heap && heap.live, heap && heap.goal,
      this.rss && this.rss.v]) {
      for (const value of list || []) {
        if (value < 1e15) {
          high = Math.max(high, value);
        }
      }
    }
    return high * 1.06;
  }

  drawGrid(svg, height) {
    const high = this.top();
    this.y = (v) => this.bottom - Math.min(Math.max(v, 0), high * 1.2) / high
      * this.plot.height;
    const unit = Math.pow(1024, Math.floor(Math.log(high) / Math.log(1024)));
    for (const tick of niceTicks(0, high / unit, 5, 10)) {
      const y = this.y(tick * unit);
      svg.append(s("line", { x1: this.left, x2: this.width - this.right, y1: y,
        y2: y, stroke: "var(--grid)" }),
      s("text", { x: this.left - 8, y: y + 4, "text-anchor": "end" },
        tick === 0 ? "0" : bytesTick(tick * unit)));
    }
    const span = this.range[1] - this.range[0];
    const ticks = niceTicks(this.range[0], this.range[1],
      Math.max(3, Math.floor(this.width / 120)), 10);
    const step = ticks.length > 1 ? ticks[1] - ticks[0] : span;
    for (const tick of ticks) {
      const x = this.x(tick);
      const places = Math.max(0, Math.ceil(-Math.log10(step / 1e9) - 1e-9));
      svg.append(s("line", { x1: x, x2: x, y1: this.plot.top,
        y2: height - 20, stroke: "var(--grid)" }),
      s("text", { x, y: height - 6, "text-anchor": "middle" },
        (tick / 1e9).toFixed(Math.min(places, 6)) + "\u202fs"));
    }
  }

  drawBands(inside) {
    for (const cycle of this.model.cycles) {
      const add = (from, to, color) => {
        if (from && to && to >= this.range[0] && from <= this.range[1]) {
          inside.append(s("rect", { x: this.x(from), y: this.plot.top,
            width: Math.max(1, this.x(to) - this.x(from)),
            height: this.plot.height, fill: color }));
        }
      };
      add(cycle.begin, cycle.end, "var(--band)");
      add(cycle.sweep_begin, cycle.sweep_end, "var(--sweep-band)");
    }
  }

  drawHeap(inside) {
    const heap = this.model.heap;
    const line = (times, values, color, attributes, draw = toPath) => {
      const points = pathOf(times, values, this.range[0], this.range[1],
        this.x, this.y);
      if (points.length > 0) {
        inside.append(s("path", { d: draw(points), fill: "none",
          stroke: color, "stroke-width": 1.6, "stroke-linejoin": "round",
          ...attributes }));
      }
      return points;
    };
    if (heap) {
      const points = pathOf(heap.t, heap.live, this.range[0], this.range[1],
        this.x, this.y);
      if (points.length > 1) {
        inside.append(s("path", { fill: "var(--heap-fill)",
          d: toPath(points) + `L${points[points.length - 1][0]} `
            + `${this.bottom}L${points[0][0]} ${this.bottom}Z` }));
      }
    }
    if (this.rss) {
      line(this.rss.t, this.rss.v, "var(--rss)", { "stroke-width": 1.3 });
    }
    if (heap) {
      line(heap.t, heap.live, "var(--heap)", {});
      line(heap.t, heap.goal.map((v) => v < 1e15 ? v : NaN)
        .map((v, i, all) => Number.isNaN(v) ? all[i - 1] || 0 : v),
      "var(--goal)", { "stroke-width": 1.3 }, toSteps);
    }
    for (const pause of this.model.pauses) {
      const x = this.x(pause[0]);
      const size = Math.min(26, 5 + 5 * Math.log10(1 + pause[2] / 1e4));
      inside.append(s("line", { x1: x, x2: x, y1: this.bottom,
        y2: this.bottom - size, stroke: "var(--pause)",
        "stroke-width": 1.4 }));
    }
    inside.append(s("line", { x1: this.left, x2: this.width - this.right,
      y1: this.bottom, y2: this.bottom, stroke: "var(--line)" }));
  }

  drawLanes(svg, inside, lanes) {
    lanes.forEach((lane, i) => {
      const y = this.lanesTop + i * 19;
      svg.append(s("text", { x: this.left - 8, y: y + 11,
        "text-anchor": "end" }, lane.name));
      inside.append(s("rect", { x: this.left, y,
        width: this.width - this.left - this.right, height: 14, rx: 2,
        fill: "var(--grid)", opacity: 0.6 }));
      let before = -1;
      for (const [from, to, opacity] of lane.items) {
        if (to < this.range[0] || from > this.range[1]) {
          continue;
        }
        const x = this.x(from);
        const wide = Math.max(lane.thin ? 1.2 : 0.8, this.x(to) - x);
        if (x + wide - before < 0.3) {
          continue; // nothing of it would be seen
        }
        before = x + wide;
        inside.append(s("rect", { x, y, width: wide, height: 14,
          fill: lane.color, opacity: opacity || 1 }));
      }
    });
  }

  // Time under the pointer.
  timeOf(svg, event) {
    const box = svg.getBoundingClientRect();
    const px = (event.clientX - box.left) * (this.width / box.width);
    const part = (px - this.left) / (this.width - this.left - this.right);
    return this.range[0] + Math.min(1, Math.max(0, part))
      * (this.range[1] - this.range[0]);
  }

  textAt(t) {
    const model = this.model;
    const lines = [`at ${ns(Math.max(0, t))}`];
    const heap = model.heap;
    const i = heap ? indexAt(heap.t, t) : -1;
    if (i >= 0) {
      lines.push(`heap ${bytes(heap.live[i])}`
        + (heap.goal[i] && heap.goal[i] < 1e15
          ? `, goal ${bytes(heap.goal[i])}` : ""));
    }
    const j = this.rss ? indexAt(this.rss.t, t) : -1;
    if (j >= 0) {
      lines.push(`resident ${bytes(this.rss.v[j])}`);
    }
    const cycle = model.cycles.find((c) => c.begin <= t && t <= c.end);
    if (cycle) {
      lines.push(cycle.sampled ? `a collection ended about here`
        : `collection ${cycle.n}: marking for ${ns(cycle.end - cycle.begin)}`);
    }
    const near = (this.range[1] - this.range[0]) / this.width * 4;
    const pause = model.pauses.find((p) => Math.abs(p[0] - t) < near);
    if (pause) {
      lines.push(`pause ${ns(pause[2])}, stopping ${ns(pause[1])}: ${pause[3]}`);
    }
    return lines.join("\n");
  }

  listen(svg) {
    svg.addEventListener("pointermove", (event) => {
      const t = this.timeOf(svg, event);
      this.cursor.setAttribute("x1", this.x(t));
      this.cursor.setAttribute("x2", this.x(t));
      this.cursor.setAttribute("visibility", "visible");
      showTip(event, this.textAt(t));
      if (this.drag !== null) {
        const [a, b] = [this.x(this.drag), this.x(t)];
        this.choice.setAttribute("x", Math.min(a, b));
        this.choice.setAttribute("width", Math.abs(a - b));
        this.choice.setAttribute("visibility", "visible");
      }
    });
    svg.addEventListener("pointerleave", () => {
      this.cursor.setAttribute("visibility", "hidden");
      hideTip();
    });
    svg.addEventListener("pointerdown", (event) => {
      this.drag = this.timeOf(svg, event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointerup", (event) => {
      const t = this.timeOf(svg, event);
      const [a, b] = [Math.min(this.drag, t), Math.max(this.drag, t)];
      this.drag = null;
      this.choice.setAttribute("visibility", "hidden");
      if (this.x(b) - this.x(a) > 5) {
        this.range = [a, b];
        this.draw();
      }
    });
    svg.addEventListener("dblclick", () => {
      this.range = [this.start, this.end];
      this.draw();
    });
  }
}

// Of fewer than so many the 99th percentile is the longest, or nearly.
const enough = (durations) => durations.count >= 100;

// ---- durations on a log axis --------------------------------------------------

// rows: [{name, what, durations}]; one axis for all.
function logHistogram(rows) {
  const holder = h("div");
  const shown = rows.filter((row) => row.durations && row.durations.count > 0);
  if (shown.length === 0) {
    return null;
  }
  const perOctave = 4;
  const ends = shown.flatMap((row) => row.durations.bins.flatMap((bin) =>
    [Math.max(1, bin[0]), bin[2] || bin[0] * Math.pow(2, 1 / perOctave)]));
  const low = Math.pow(10, Math.floor(Math.log10(Math.min(...ends))));
  const high = Math.pow(10, Math.ceil(Math.log10(Math.max(...ends))));
  const draw = () => {
    const width = Math.floor(holder.clientWidth);
    if (width < 80) {
      return;
    }
    const left = Math.min(130, width / 4), right = 14, row = 78;
    const height = shown.length * row + 26;
    const x = (v) => left + (Math.log10(Math.max(v, low)) - Math.log10(low))
      / (Math.log10(high) - Math.log10(low)) * (width - left - right);
    const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`,
      height, role: "img", "aria-label": "durations" });
    const decades = Math.round(Math.log10(high / low));
    const every = Math.max(1, Math.ceil(decades * 62 / (width - left)));
    for (let i = 0; i <= decades; i++) {
      const at = low * Math.pow(10, i);
      svg.append(s("line", { x1: x(at), x2: x(at), y1: 4, y2: height - 20,
        stroke: "var(--grid)" }));
      if (i % every === 0) {
        svg.append(s("text", { x: x(at), y: height - 5,
          "text-anchor": i === decades ? "end" : "middle" }, nsTick(at)));
      }
    }
    shown.forEach((one, i) => drawDurations(svg, one, i * row, row, x, left));
    holder.replaceChildren(svg);
  };
  new ResizeObserver(draw).observe(holder);
  return holder;
}

function drawDurations(svg, row, top, height, x, left) {
  const durations = row.durations;
  const base = top + height - 16;
  const tall = Math.max(...durations.bins.map((bin) => bin[1]));
  svg.append(s("text", { class: "strong", x: 0, y: base - 18 }, row.name),
    s("text", { x: 0, y: base - 3 }, group(durations.count)));
  for (const bin of durations.bins) {
    const end = bin[2] || bin[0] * Math.pow(2, 0.25);
    // The square root shows the rare long ones beside the many short ones.
    const size = Math.max(1.5, Math.sqrt(bin[1] / tall) * (height - 34));
    const bar = s("rect", { x: x(bin[0]), y: base - size,
      width: Math.max(1, x(end) - x(bin[0]) - 0.6), height: size,
      fill: row.color || "var(--bar)" });
    bar.addEventListener("pointermove", (event) => showTip(event,
      `${row.name}\n${ns(bin[0])} to ${ns(end)}: ${group(bin[1])}`));
    bar.addEventListener("pointerleave", hideTip);
    svg.append(bar);
  }
  svg.append(s("line", { x1: left, x2: "100%", y1: base, y2: base,
    stroke: "var(--line)" }));
  let before = -100;
  const marks = [["p50", durations.p50], ["max", durations.max]];
  if (enough(durations)) {
    marks.splice(1, 0, ["p99", durations.p99]);
  }
  for (const [name, value] of marks) {
    const px = x(value);
    svg.append(s("line", { x1: px, x2: px, y1: top + 12, y2: base + 4,
      stroke: "var(--ink)", "stroke-width": 1, opacity: 0.75 }));
    if (px - before > 26) {
      svg.append(s("text", { class: "strong", x: px, y: top + 9,
        "text-anchor": "middle" }, name));
      before = px;
    }
  }
}

function durationTable(rows) {
  const shown = rows.filter((row) => row.durations && row.durations.count > 0);
  const columns = ["p50", "p90", "p99", "max"].filter((key) => key !== "p99"
    || shown.some((row) => enough(row.durations)));
  return h("table", {},
    h("thead", {}, h("tr", {}, h("th", {}, ""),
      ...["count", ...columns].map((name) =>
        h("th", { class: "num" }, name === "max" ? "longest" : name)))),
    h("tbody", {}, shown.map((row) => h("tr", {},
      h("td", {}, row.name, row.what
        ? h("span", { class: "soft small" }, " " + row.what) : null),
      h("td", { class: "num" }, group(row.durations.count)),
      ...columns.map((key) => h("td", { class: "num" },
        key === "p99" && !enough(row.durations) ? "–"
          : ns(row.durations[key])))))));
}

// ---- sections ---------------------------------------------------------------

function icon(ok) {
  return s("svg", { width: 16, height: 16, viewBox: "0 0 16 16",
    role: "img", "aria-label": ok ? "holds" : "failed" },
  s("circle", { cx: 8, cy: 8, r: 8, fill: ok ? "var(--good)" : "var(--bad)" }),
  s("path", { d: ok ? "M4.2 8.3l2.6 2.6 5-5.4" : "M5 5l6 6M11 5l-6 6",
    fill: "none", stroke: "var(--card)", "stroke-width": 1.9,
    "stroke-linecap": "round", "stroke-linejoin": "round" }));
}

function titleOf(model) {
  const run = model.run;
  const params = run.params || {};
  return params.dir ? `${run.workload} of ${params.dir}` : run.workload;
}

function lead(model) {
  const out = model.run.output || {};
  if (typeof out.words !== "number") {
    return null;
  }
  const procs = (model.run.config || {}).procs;
  return h("p", { class: "lead" },
    `Read ${group(out.files)} files (${bytes(out.bytes)}) and found `
    + `${group(out.words)} words, ${group(out.distinct_words)} of them `
    + `distinct, in ${ns(model.run.wall_ns)}`
    + (procs ? ` on ${procs} procs.` : ".")
    + (out.unreadable ? ` ${group(out.unreadable)} files could not be read.`
      : ""));
}

function verdict(model) {
  const count = model.invariants.length;
  const good = model.failed === 0 && count > 0;
  const text = count === 0 ? "No invariant was checked"
    : good ? `All ${count} invariants hold`
      : `${model.failed} of ${count} invariants failed`;
  return h("div", { class: "verdict " + (good ? "good" : "bad") },
    icon(good), text);
}

function tile(parts, what) {
  return h("div", { class: "tile" },
    h("div", { class: "value" }, parts[0],
      parts[1] ? h("span", { class: "unit" }, "\u202f" + parts[1]) : null),
    h("div", { class: "what" }, what));
}

// The figures that sum a run up: [name, number, parts].
function figures(model) {
  const run = model.run;
  const list = [];
  const add = (what, value, parts) => {
    if (typeof value === "number" && Number.isFinite(value)) {
      list.push([what, value, parts(value)]);
    }
  };
  const plain = (n) => [group(n), ""];
  add("wall time", run.wall_ns, nsParts);
  add("CPU time", run.cpu_ns, nsParts);
  add("largest resident size", run.max_rss_bytes, bytesParts);
  add("largest heap", model.peak, bytesParts);
  add("collections", model.cycleCount, plain);
  add("marking, of CPU time", run.cpu_ns
    ? model.gcSeconds * 1e9 / run.cpu_ns : NaN,
  (n) => [digits(n * 100), "%"]);
  add("longest pause", model.paused && model.paused.max, nsParts);
  if (model.paused && enough(model.paused)) {
    add("p99 pause", model.paused.p99, nsParts);
  } else {
    add("median pause", model.paused && model.paused.p50, nsParts);
  }
  add("cleanups run",
    model.metric("/gc/cleanups/executed:cleanups"), plain);
  add("allocated", model.metric("/gc/heap/allocs:bytes"), bytesParts);
  return list;
}

function checks(model) {
  const order = [...model.invariants].sort((a, b) => a.ok - b.ok);
  return h("ul", { class: "checks" }, order.map((one) => h("li", {},
    icon(one.ok), h("span", { class: "name" },
      one.name.replaceAll("-", " ")),
    h("span", { class: "detail" },
      one.detail.replace(/\d{5,}/g, (figure) => group(Number(figure)))))));
}

function notesOf(model) {
  return model.notes.map((text) =>
    h("div", { class: "note" + (model.run ? "" : " bad") }, text));
}

// One card for each run, side by side; null when no run has anything.
function perRun(models, draw) {
  const several = models.filter((model) => model.run).length > 1;
  const cards = models.filter((model) => model.run).map((model) => {
    const content = draw(model);
    return content === null ? null : h("div", { class: "card" },
      several ? h("h3", {}, model.label) : null, content);
  }).filter((card) => card !== null);
  return cards.length === 0 ? null
    : h("div", { class: cards.length > 1 ? "side" : "" }, cards);
}

function section(title, text, content, otherwise) {
  if (content === null && !otherwise) {
    return null;
  }
  return h("section", {}, h("h2", {}, title),
    text && content !== null ? h("p", { class: "soft" }, text) : null,
    content !== null ? content
      : h("div", { class: "note" }, otherwise));
}

function legend(model) {
  const item = (color, text, rule) => h("span", {},
    h("i", { class: rule ? "rule" : "", style: `background:${color}` }), text);
  const band = (color, edge, text) => h("span", {}, h("i", { class: "band",
    style: `background:${color};border-color:${edge}` }), text);
  const exact = model.cycles.some((c) => !c.sampled);
  return h("div", { class: "legend" },
    item("var(--heap)", "heap in use"),
    item("var(--goal)", "goal", true),
    item("var(--rss)", "resident", true),
    model.cycles.length > 0 ? band("var(--band)", "var(--mark)",
      exact ? "marking" : "a collection ended") : null,
    exact ? band("var(--sweep-band)", "var(--sweep)", "sweeping") : null,
    model.pauses.length > 0 ? item("var(--pause)", "pause", true) : null,
    model.trace && model.trace.workers.length > 0
      ? item("var(--worker)", "mark worker on a P (pale: idle)") : null,
    h("span", { class: "screen" }, "drag to zoom, double-click for all"));
}

function timelineCard(model) {
  if (!model.heap || model.heap.t.length < 2) {
    return null;
  }
  return [legend(model), new Timeline(model).holder,
    model.heap.sampled ? h("div", { class: "note" },
      "Sampled while the run went on; with --trace each collection is drawn "
      + "from its own events.") : null];
}

const PAUSE_ROWS = (model) => [
  { name: "stopping", what: "asked until all stopped",
    durations: model.stopping, color: "var(--goal)" },
  { name: "in all", what: "asked until running again",
    durations: model.paused, color: "var(--pause)" },
];

function pauseCard(model) {
  const chart = logHistogram(PAUSE_ROWS(model));
  if (chart === null) {
    return null;
  }
  const longest = [...model.pauses].sort((a, b) => b[2] - a[2]).slice(0, 8);
  return [durationTable(PAUSE_ROWS(model)), h("div", { style: "height:12px" }),
    chart, longest.length === 0 ? null : [
      h("h3", { style: "margin-top:16px" }, "The longest"),
      h("table", {}, h("thead", {}, h("tr", {}, ["at", "stopping", "in all",
        "for", "last thread to stop"].map((name, i) =>
        h("th", { class: i < 3 ? "num" : "" }, name)))),
      h("tbody", {}, longest.map((p) => h("tr", {},
        h("td", { class: "num" }, (p[0] / 1e9).toFixed(4) + "\u202fs"),
        h("td", { class: "num" }, ns(p[1])),
        h("td", { class: "num" }, ns(p[2])),
        h("td", {}, p[3]),
        h("td", { class: "soft" }, p[4] > 0 ? "thread " + p[4]
          : "none was waited for")))))]];
}

function cleanupCounts(model) {
  const get = (name) => model.metric(`/gc/cleanups/${name}:cleanups`);
  const counts = {};
  for (const name of ["added", "stopped", "queued", "executed", "armed",
    "pending"]) {
    counts[name] = get(name);
  }
  return counts.added === null ? null : counts;
}

function balance(title, total, parts) {
  return h("div", {}, h("div", { class: "small" }, title),
    h("div", { class: "stack" }, parts.map(([name, value, color]) =>
      h("div", { style: `flex:${value / Math.max(1, total)} 0 0;`
        + `background:${color}`, title: `${name} ${group(value)}` }))),
    h("div", { class: "legend", style: "margin-top:6px" },
      parts.map(([name, value, color]) => h("span", {},
        h("i", { style: `background:${color}` }),
        `${name} ${group(value)}`))));
}

function cleanupCard(model) {
  const counts = cleanupCounts(model);
  if (counts === null || counts.added === 0) {
    return null;
  }
  const lives = model.trace ? model.trace.cleanups : null;
  const rows = lives ? [
    { name: "armed", what: "from add until found dead",
      durations: lives.armed_ns },
    { name: "queued", what: "from queue until it runs",
      durations: lives.wait_ns, color: "var(--goal)" },
    { name: "running", what: "in the cleanup itself",
      durations: lives.run_ns, color: "var(--sweep)" },
  ] : [];
  const chart = logHistogram(rows);
  return [h("div", { class: "flow" },
    balance(`${group(counts.added)} added`, counts.added, [
      ["stopped", counts.stopped, "var(--rss)"],
      ["queued", counts.queued, "var(--heap)"],
      ["armed", counts.armed, "var(--goal)"]]),
    balance(`${group(counts.queued)} queued`, counts.queued, [
      ["executed", counts.executed, "var(--sweep)"],
      ["pending", counts.pending, "var(--pause)"]])),
  chart === null ? null : [h("div", { style: "height:12px" }),
    durationTable(rows), h("div", { style: "height:12px" }), chart]];
}

const ROWS_SHOWN = 50;

// All of a table, or a part that says how much there is.  Whoever hides rows
// sends the table a "change".
function longTable(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length <= ROWS_SHOWN) {
    return h("div", { class: "wide" }, table);
  }
  const frame = h("div", { class: "long" });
  const says = h("div", { class: "rows" });
  const look = () => {
    const more = box.scrollTop + box.clientHeight < box.scrollHeight - 2;
    frame.classList.toggle("more", more);
    const shown = rows.filter((row) => !row.hidden).length;
    says.replaceChildren(`${group(shown)} row${shown === 1 ? "" : "s"}`,
      box.clientHeight < box.scrollHeight - 2
        ? h("span", { class: "screen" }, "; scroll for the rest") : "");
  };
  const box = h("div", { class: "scroll", tabindex: "0",
    on: { scroll: look } }, table);
  table.addEventListener("change", look);
  new ResizeObserver(look).observe(box);
  frame.append(box);
  return [frame, says];
}

function cyclesCard(model) {
  const cycles = model.cycles.filter((c) => !c.sampled && c.begin);
  if (cycles.length === 0) {
    return null;
  }
  const columns = ["#", "why", "at", "marking", "heap before", "goal",
    "marked", "sweeping", "freed"];
  return longTable(h("table", {},
    h("thead", {}, h("tr", {}, columns.map((name, i) =>
      h("th", { class: i === 1 ? "" : "num" }, name)))),
    h("tbody", {}, cycles.map((c) => h("tr", {},
      h("td", { class: "num" }, c.n),
      h("td", { class: "keep" },
        c.reason),
      h("td", { class: "num" }, (c.begin / 1e9).toFixed(3) + "\u202fs"),
      h("td", { class: "num" }, c.end ? ns(c.end - c.begin) : "not ended"),
      h("td", { class: "num" }, bytes(c.live)),
      h("td", { class: "num" }, c.goal < 1e15 ? bytes(c.goal) : "none"),
      h("td", { class: "num" }, c.end ? bytes(c.marked) : "–"),
      h("td", { class: "num" }, c.sweep_begin && c.sweep_end
        ? ns(c.sweep_end - c.sweep_begin) : "–"),
      h("td", { class: "num" }, c.sweep_end ? bytes(c.freed) : "–"))))));
}

function wordsCard(model) {
  const top = ((model.run.output || {}).top || []).slice(0, 25);
  if (top.length === 0) {
    return null;
  }
  const most = top[0].count;
  return h("div", { class: "bars" }, top.map((one) => [
    h("span", { class: "word mono" }, one.word),
    h("span", { class: "bar", style: `width:${one.count / most * 100}%` }),
    h("span", { class: "num" }, group(one.count))]));
}

function queriesCard(model) {
  const queries = (model.run.output || {}).queries || [];
  if (queries.length === 0) {
    return null;
  }
  return queries.map((query) => [
    h("h3", {}, h("span", { class: "mono" }, query.word),
      ` ${group(query.count)} times in ${group(query.files)} files`),
    h("table", {}, h("tbody", {}, query.hits.map((hit) => h("tr", {},
      h("td", { class: "mono small" }, hit.path),
      h("td", { class: "num" }, group(hit.count)),
      h("td", { class: "soft small" },
        "at " + hit.positions.map(group).join(", ")
        + (hit.count > hit.positions.length ? ", …" : ""))))))]);
}

function keyTable(object) {
  return h("table", {}, h("tbody", {},
    Object.entries(object || {}).filter(([, value]) => value !== null)
      .map(([key, value]) => h("tr", {}, h("td", { class: "key" }, key),
        h("td", {}, key.endsWith("_bytes") ? bytes(value)
          : Array.isArray(value) ? value.join(", ") : String(value))))));
}

function sparkline(histogram) {
  const counts = histogram.counts;
  const used = counts.map((n, i) => [n, i]).filter((one) => one[0] > 0);
  if (used.length === 0) {
    return h("span", { class: "soft" }, "empty");
  }
  const first = used[0][1], last = used[used.length - 1][1];
  const most = Math.max(...counts);
  const wide = Math.min(160, (last - first + 1) * 6);
  const step = wide / (last - first + 1);
  const durations = metricDurations(histogram);
  return h("span", {}, s("svg", { width: wide, height: 16 },
    used.map(([n, i]) => s("rect", { x: (i - first) * step,
      y: 16 - 15 * n / most, width: Math.max(0.8, step - 0.5),
      height: 15 * n / most, fill: "var(--bar)" }))),
  h("span", { class: "soft small" }, ` ${group(durations.count)} samples, `
    + `p50 ${ns(durations.p50)}`
    + (enough(durations) ? `, p99 ${ns(durations.p99)}` : "")));
}

function metricsSection(models) {
  const shown = models.filter((model) => model.run);
  const names = [...new Set(shown.flatMap((model) =>
    Object.keys(model.run.metrics || {})))].sort();
  if (names.length === 0) {
    return null;
  }
  const rows = names.map((name) => h("tr", {}, h("td", { class: "mono" }, name),
    shown.map((model) => {
      const value = (model.run.metrics || {})[name];
      return h("td", { class: "num" }, value && value.counts
        ? sparkline(value) : metricText(name, value));
    })));
  const search = h("input", { type: "search", placeholder: "search metrics",
    "aria-label": "search metrics", on: { input: () => {
      const words = search.value.toLowerCase().split(/\s+/);
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) =>
          names[i].toLowerCase().includes(word));
      });
      table.dispatchEvent(new Event("change"));
    } } });
  const table = h("table", {}, shown.length > 1 ? h("thead", {}, h("tr", {},
    h("th", {}, ""), shown.map((model) =>
      h("th", { class: "num" }, model.label)))) : null,
  h("tbody", {}, rows));
  return h("div", { class: "card" }, search, longTable(table));
}

// The command that does it again.
function commandOf(run) {
  const quote = (text) => /^[\w./=:,@%+-]+$/.test(text) ? text
    : "'" + text.replaceAll("'", "'\\''") + "'";
  const words = ["tricolor", "run", run.workload];
  for (const [key, value] of Object.entries(run.params || {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null) {
        words.push("-p", quote(`${key}=${one}`));
      }
    }
  }
  words.push("--seed", String(run.seed));
  const config = run.config || {};
  if (config.procs) {
    words.push("--procs", quote(String(config.procs)));
  }
  if (config.gc !== undefined) {
    words.push("--gc", quote(String(config.gc)));
  }
  return words.join(" ");
}

function compareSection(models) {
  const shown = models.filter((model) => model.run);
  if (shown.length < 2) {
    return null;
  }
  const all = shown.map((model) => figures(model));
  return h("div", { class: "card wide" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", {}, ""), shown.map((model) =>
      h("th", { class: "num" }, model.label)))),
    h("tbody", {}, h("tr", {}, h("td", { class: "key" }, "invariants"),
      shown.map((model) => h("td", { class: "num" }, model.failed
        ? `${model.failed} failed` : `${model.invariants.length} hold`))),
    all[0].map(([name, base]) => h("tr", {},
      h("td", { class: "key" }, name), all.map((list, i) => {
        const found = list.find((one) => one[0] === name);
        return h("td", { class: "num" }, found ? [joined(found[2]),
          i > 0 && base > 0 ? h("span", { class: "soft small" },
            ` ×${digits(found[1] / base)}`) : null] : "–");
      }))))));
}

// ---- the page -----------------------------------------------------------------

function logo() {
  return s("svg", { width: 52, height: 20, viewBox: "0 0 52 20",
    role: "img", "aria-label": "Tricolor" },
  s("circle", { cx: 10, cy: 10, r: 8.5, fill: "none", stroke: "var(--ink)",
    "stroke-width": 1.6 }),
  s("circle", { cx: 26, cy: 10, r: 8.5, fill: "var(--soft)",
    stroke: "var(--ink)", "stroke-width": 1.6 }),
  s("circle", { cx: 42, cy: 10, r: 8.5, fill: "var(--ink)",
    stroke: "var(--ink)", "stroke-width": 1.6 }));
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark"
    : window.matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function heading(models) {
  const first = models.find((model) => model.run);
  const several = models.filter((model) => model.run).length > 1;
  if (!first) {
    return [h("h1", {}, "No run to show")];
  }
  document.title = titleOf(first) + " – Tricolor report";
  const count = models.filter((model) => model.run).length;
  const name = several ? `${count} runs` : titleOf(first);
  return [h("h1", {}, name), several ? null : lead(first),
    several ? null : verdict(first)];
}

function machineCard(model) {
  return [h("h3", {}, "Machine"), keyTable(model.run.machine)];
}

function configCard(model) {
  return [h("h3", {}, "Options as they took effect"),
    keyTable(model.run.config)];
}

function render() {
  const models = DATA.runs.map(modelOf);
  const one = models.filter((model) => model.run).length === 1;
  const page = document.getElementById("page");
  const none = "This run left nothing to draw here.";
  page.append(
    h("header", {}, logo(), h("span", {}, `Tricolor ${DATA.version}`),
      h("span", { class: "grow" }), h("span", { class: "small" }, DATA.made),
      h("button", { type: "button", on: { click: toggleTheme } },
        "light / dark")),
    ...heading(models).filter((part) => part !== null),
    ...models.flatMap(notesOf),
    ...[
      one ? h("div", { class: "tiles" },
        figures(models.find((model) => model.run))
          .map(([what, , parts]) => tile(parts, what))) : null,
      section("Side by side", "Ratios are to the first run.",
        compareSection(models)),
      section("Invariants", "What the workload checked at its end.",
        perRun(models, (model) => model.invariants.length > 0
          ? checks(model) : null), none),
      section("Heap and collections over time", null,
        perRun(models, timelineCard), "There are no points to draw: the run "
        + "was too short, or run.json lost its series."),
      section("Pauses", "While the world is stopped no goroutine runs. "
        + "Heights are square roots, so that rare long pauses are seen.",
      perRun(models, pauseCard), "No pause was recorded."),
      section("Cleanups", "Every cleanup that was added is stopped, queued or "
        + "still armed; every one queued has run or is pending.",
      perRun(models, cleanupCard), "No cleanup was added."),
      section("Collections", null, perRun(models, cyclesCard),
        "Collections one by one are drawn from a trace (tricolor run "
        + "--trace)."),
      section("Most frequent words", null, perRun(models, wordsCard)),
      section("Queries", "Positions are byte offsets from the start of the "
        + "file.", perRun(models, queriesCard)),
      section("Metrics", null, metricsSection(models)),
      section("Where and how", null, [h("div", { class: "side" },
        perRun(models, machineCard), perRun(models, configCard)),
      perRun(models, (model) => [h("h3", {}, "Run it again"),
        h("pre", {}, commandOf(model.run))])]),
      h("footer", {}, `Made by tricolor report ${DATA.version}. This file `
        + "needs no network and no other file."),
    ].filter((part) => part !== null));
}

render();
