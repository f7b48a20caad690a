// Charts as plain SVG: a line with its area, or bars. Colours are Airflow's, so that they follow dark and light.

import { C, count, h } from "./lib.js";

const { useEffect, useRef, useState } = globalThis.React;

const HEIGHT = 132;
const LEFT = 54;
const BOTTOM = 20;
const TOP = 8;
const RIGHT = 8;
const GOOD = "green";
const BAD = "red";
const color = (token) => `var(--chakra-colors-${token.replaceAll(".", "-")})`;

function useWidth() {
  const ref = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

// The smallest round number that is not below the value.
export function niceMaximum(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.9999);
}

const clock = (ms, spanMs) =>
  spanMs > 2 * 86_400_000
    ? new Date(ms).toLocaleDateString(undefined, { month: "short", day: "numeric" })
    : new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

// Points in runs without a gap: where the monitor did not look, there is no line.
function splitAtGaps(points, gapMs) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point.x - run.at(-1).x <= gapMs) run.push(point);
    else runs.push([point]);
  }
  return runs;
}

/* `points`: [{at, value, bad}]; `axis`: how labels are written, if not by `format`;
   `limit`: a dashed line at what is allowed; `bars`: bars instead of a line. */
export function Chart({ title, points, since, until, intervalS, format, axis, limit, bars, palette = "blue" }) {
  const [ref, width] = useWidth();
  const [hovered, setHovered] = useState(null);
  const from = new Date(since).getTime();
  const to = new Date(until).getTime();
  const known = points
    .filter((point) => point.value !== null && point.value !== undefined)
    .map((point) => ({ ...point, x: new Date(point.at).getTime() }));
  const highest = Math.max(0, ...known.map((point) => point.value));
  const top = niceMaximum(limit && highest > limit / 3 ? Math.max(highest, limit) : highest);
  const x = (at) => LEFT + ((at - from) / (to - from)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const shown = hovered !== null && known[hovered] ? known[hovered] : known.at(-1);
  const find = (event) => {
    const at = event.clientX - ref.current.getBoundingClientRect().left;
    let best = null;
    known.forEach((point, place) => {
      if (best === null || Math.abs(x(point.x) - at) < Math.abs(x(known[best].x) - at)) best = place;
    });
    setHovered(best);
  };
  const step = (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move || known.length === 0) return;
    event.preventDefault();
    setHovered((place) => Math.max(0, Math.min(known.length - 1, (place ?? known.length - 1) + move)));
  };
  const text = (place, value, props) =>
    h("text", { style: { fontSize: "11px" }, fill: color("fg.muted"), ...props, key: place }, value);
  return h(
    C.Box,
    { as: "figure", borderWidth: 1, borderRadius: "md", p: 3, m: 0, minW: 0 },
    h(
      C.Flex,
      { as: "figcaption", justifyContent: "space-between", alignItems: "baseline", mb: 1, gap: 2 },
      h(C.Text, { fontSize: "sm", fontWeight: "semibold" }, title),
      h(
        C.Text,
        { fontSize: "sm", color: shown?.bad ? "failed.fg" : "fg.muted", fontVariantNumeric: "tabular-nums" },
        shown ? format(shown.value) : "",
        hovered !== null && shown && ` · ${clock(shown.x, 0)}`,
      ),
    ),
    h(
      C.Box,
      { ref, height: `${HEIGHT}px`, position: "relative" },
      known.length === 0 &&
        h(
          C.Flex,
          { position: "absolute", inset: 0, alignItems: "center", justifyContent: "center", color: "fg.muted", fontSize: "sm" },
          "Nothing was seen in this time",
        ),
      width > 0 &&
        known.length > 0 &&
        h(
          "svg",
          {
            width,
            height: HEIGHT,
            role: "img",
            tabIndex: 0,
            "aria-label": `${title}: ${count(known.length)} points, last ${format(known.at(-1).value)}, highest ${format(highest)}`,
            onMouseMove: find,
            onMouseLeave: () => setHovered(null),
            onBlur: () => setHovered(null),
            onKeyDown: step,
            style: { display: "block" },
          },
          [0, 0.5, 1].map((part) =>
            h("line", { key: part, x1: LEFT, x2: width - RIGHT, y1: y(top * part), y2: y(top * part), stroke: color("border"), strokeWidth: 1 }),
          ),
          [0, 0.5, 1].map((part) => text(`y${part}`, (axis ?? format)(top * part), { x: LEFT - 6, y: y(top * part) + 3.5, textAnchor: "end" })),
          [0.02, 0.35, 0.68, 0.98].map((part) =>
            text(`x${part}`, clock(from + part * (to - from), to - from), {
              x: x(from + part * (to - from)),
              y: HEIGHT - 5,
              textAnchor: part < 0.1 ? "start" : part > 0.9 ? "end" : "middle",
            }),
          ),
          limit > 0 &&
            limit <= top &&
            h("line", { x1: LEFT, x2: width - RIGHT, y1: y(limit), y2: y(limit), stroke: color(`${BAD}.500`), strokeDasharray: "4 3", strokeWidth: 1 }),
          bars ? h(Bars, { known, x, y, palette, width }) : h(Lines, { known, x, y, palette, gapMs: 2500 * intervalS }),
          hovered !== null &&
            shown &&
            h("line", { x1: x(shown.x), x2: x(shown.x), y1: TOP, y2: HEIGHT - BOTTOM, stroke: color("fg.subtle"), strokeWidth: 1 }),
          hovered !== null &&
            shown &&
            h("circle", { cx: x(shown.x), cy: y(shown.value), r: 3.5, fill: color(`${shown.bad ? BAD : palette}.500`), stroke: color("bg"), strokeWidth: 1.5 }),
        ),
    ),
  );
}

function Lines({ known, x, y, palette, gapMs }) {
  return splitAtGaps(known, gapMs).map((run) => {
    const line = run.map((point) => `${x(point.x).toFixed(1)},${y(point.value).toFixed(1)}`).join(" L");
    const [first, last] = [x(run[0].x).toFixed(1), x(run.at(-1).x).toFixed(1)];
    return h(
      "g",
      { key: run[0].x },
      h("path", { d: `M${first},${y(0)} L${line} L${last},${y(0)} Z`, fill: color(`${palette}.500`), fillOpacity: 0.14 }),
      h("path", { d: `M${line}`, fill: "none", stroke: color(`${palette}.500`), strokeWidth: 1.75, strokeLinejoin: "round" }),
      run.length === 1 && h("circle", { cx: first, cy: y(run[0].value), r: 2, fill: color(`${palette}.500`) }),
      run.filter((point) => point.bad).map((point) => h("circle", { key: point.x, cx: x(point.x), cy: y(point.value), r: 2.5, fill: color(`${BAD}.500`) })),
    );
  });
}

// A bar of nothing is a dot: that somebody looked and found none is worth seeing.
function Bars({ known, x, y, palette }) {
  return known.map((point) =>
    point.value > 0
      ? h("rect", { key: point.x, x: x(point.x) - 3, y: y(point.value), width: 6, height: y(0) - y(point.value), rx: 1, fill: color(`${point.bad ? BAD : palette}.500`) })
      : h("circle", { key: point.x, cx: x(point.x), cy: y(0), r: 3, fill: color(`${GOOD}.500`) }),
  );
}

const CELLS = 48;

/* Health over a day: a cell for each half hour, green, red where something was wrong, empty where nobody looked. */
export function Strip({ points, label }) {
  const cellMs = 86_400_000 / CELLS;
  const last = Math.floor(Date.now() / cellMs);
  const found = new Map(points.map((point) => [Math.floor(new Date(point.at).getTime() / cellMs), point]));
  const cells = Array.from({ length: CELLS }, (_, place) => ({ place, at: last - CELLS + 1 + place }));
  const wrong = points.filter((point) => point.breaches > 0).length;
  return h(
    "svg",
    {
      width: CELLS * 3,
      height: 18,
      role: "img",
      "aria-label": `${label}: something was wrong in ${count(wrong)} of the last ${CELLS} half hours`,
    },
    cells.map(({ place, at }) => {
      const point = found.get(at);
      const token = point ? (point.breaches > 0 ? `${BAD}.500` : `${GOOD}.500`) : "bg.emphasized";
      const when = clock(at * cellMs, 0);
      const said = point ? (point.breaches > 0 ? "something was wrong" : "healthy") : "not looked at";
      return h("rect", { key: at, x: place * 3, width: 2.2, height: 18, rx: 1, fill: color(token) }, h("title", null, `${when}: ${said}`));
    }),
  );
}
