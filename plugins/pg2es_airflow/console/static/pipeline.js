// One pipeline: its figures now and over time, its generations, connectors, dead letters and reports.

import { Actions, actionsOf } from "./actions.js";
import { Chart } from "./charts.js";
import {
  Ago, Breaches, C, Cell, count, DataTable, delay, duration, h, Health, HOME, Loaded, Nothing, Panel, rate, RouterLink, short, sum,
  useData,
} from "./lib.js";
import { Stale } from "./overview.js";

const { useState } = globalThis.React;
const STALE_S = 180;
const RANGES = [
  ["1 hour", 1],
  ["6 hours", 6],
  ["24 hours", 24],
  ["7 days", 168],
  ["14 days", 336],
];
const KINDS = ["missing", "stale", "extra", "altered"];

export function Pipeline({ name }) {
  const path = `pg2es/api/pipelines/${encodeURIComponent(name)}`;
  const source = useData(path);
  return h(
    C.Box,
    null,
    h(
      C.Breadcrumb.Root,
      { mb: 2 },
      h(
        C.Breadcrumb.List,
        null,
        h(C.Breadcrumb.Item, null, h(C.Breadcrumb.Link, { asChild: true }, h(RouterLink, { to: HOME }, "pg2es"))),
        h(C.Breadcrumb.Separator),
        h(C.Breadcrumb.Item, null, h(C.Breadcrumb.CurrentLink, null, name)),
      ),
    ),
    h(Loaded, { source, rows: 4, height: "90px" }, (found) => h(Found, { found, path, reload: source.reload })),
  );
}

function Found({ found, path, reload }) {
  return h(
    C.Box,
    null,
    h(
      C.Flex,
      { justifyContent: "space-between", alignItems: "center", gap: 3, flexWrap: "wrap", mb: 4 },
      h(
        C.Box,
        null,
        h(C.HStack, { gap: 3 }, h(C.Heading, { as: "h1", size: "xl" }, found.name), h(Health, { health: found.health })),
        h(
          C.Text,
          { color: "fg.muted", fontSize: "sm" },
          `${found.table} of ${found.source} → ${found.alias}`,
          found.at && [" · seen ", h(Ago, { key: "at", at: found.at })],
        ),
      ),
      h(Actions, { actions: actionsOf(found), allowed: found.actions, onEnd: reload, path, rows: found.rows }),
    ),
    (found.age_s === null || found.age_s > STALE_S) && h(Stale, { at: found.at }),
    h(Breaches, { breaches: found.breaches }),
    h(Figures, { found }),
    h(Charts, { path, limits: found.limits }),
    h(Details, { found, path }),
  );
}

const Figure = ({ label, value, note, bad }) =>
  h(
    C.Stat.Root,
    { borderWidth: 1, borderRadius: "md", px: 3, py: 2 },
    h(C.Stat.Label, { fontSize: "xs" }, label),
    h(C.Stat.ValueText, { fontSize: "xl", color: bad ? "failed.fg" : undefined, fontVariantNumeric: "tabular-nums" }, value),
    h(C.Stat.HelpText, { fontSize: "xs", mb: 0 }, note),
  );

function Figures({ found }) {
  const { freshness, limits, indexing } = found;
  const late = freshness && (!freshness.reached || freshness.ms > limits.max_freshness_s * 1000);
  const latency = indexing?.latency_ms;
  return h(
    C.SimpleGrid,
    { minChildWidth: "150px", gap: 3, mb: 4 },
    h(Figure, { label: "Freshness", value: delay(freshness), note: `${count(limits.max_freshness_s)} s are allowed`, bad: late }),
    h(Figure, { label: "Records behind", value: count(found.behind), note: `${count(limits.max_lag_records)} are allowed`, bad: found.behind > limits.max_lag_records }),
    h(Figure, { label: "Writes", value: rate(indexing?.per_s), note: latency == null ? "documents a second" : `${latency.toFixed(2)} ms each` }),
    h(Figure, { label: "Documents", value: count(found.documents), note: found.rows === null ? "rows not known" : `about ${count(found.rows)} rows` }),
    h(Figure, { label: "Lag of the source", value: delay(found.source_lag), note: "commit to Kafka" }),
    h(Figure, { label: "Dead letters", value: count(found.dead_letters), note: `of source ${found.source}`, bad: found.dead_letters > 0 }),
  );
}

function Charts({ path, limits }) {
  const [hours, setHours] = useState(1);
  const source = useData(`${path}/history?hours=${hours}`);
  const choice = h(
    C.ButtonGroup,
    { size: "xs", variant: "outline", attached: true, role: "group", "aria-label": "Time shown" },
    RANGES.map(([label, value]) =>
      h(C.Button, { key: value, "aria-pressed": hours === value, variant: hours === value ? "solid" : "outline", onClick: () => setHours(value) }, label),
    ),
  );
  return h(
    C.Box,
    { as: "section", "aria-label": "Over time", mb: 4 },
    h(C.Flex, { justifyContent: "space-between", alignItems: "center", mb: 2 }, h(C.Heading, { as: "h2", size: "sm" }, "Over time"), choice),
    h(Loaded, { source, rows: 2, height: "170px" }, (history) => h(ChartGrid, { history, limits })),
  );
}

function ChartGrid({ history, limits }) {
  const common = { since: history.since, until: history.until, intervalS: history.interval_s };
  const of = (points, figure, flag) => points.map((point) => ({ at: point.at, value: point[figure], bad: flag && point.stalled > 0 }));
  const drift = history.reconciliations
    .filter((report) => report.counts)
    .map((report) => ({ at: report.at, value: sum(KINDS.map((kind) => report.counts[kind] ?? 0)), bad: !["equal", "repaired"].includes(report.outcome) }));
  return h(
    C.Grid,
    { gridTemplateColumns: { base: "minmax(0, 1fr)", lg: "repeat(2, minmax(0, 1fr))", "2xl": "repeat(3, minmax(0, 1fr))" }, gap: 3 },
    h(Chart, { ...common, title: "Writes", points: of(history.pipeline, "docs_per_s"), format: rate, palette: "green" }),
    h(Chart, { ...common, title: "Freshness", points: of(history.pipeline, "freshness_ms", true), format: duration, limit: limits.max_freshness_s * 1000 }),
    h(Chart, { ...common, title: "Records behind", points: of(history.pipeline, "behind"), format: count, axis: short, limit: limits.max_lag_records, palette: "purple" }),
    h(Chart, { ...common, title: "Lag of the source", points: of(history.source, "lag_ms", true), format: duration, palette: "cyan" }),
    h(Chart, { ...common, title: "Documents", points: of(history.pipeline, "documents"), format: count, axis: short, palette: "indigo" }),
    h(Chart, { ...common, title: "Drift found by reconciliations", points: drift, format: count, axis: short, bars: true, palette: "orange" }),
  );
}

function Details({ found, path }) {
  const tabs = [
    ["generations", "Generations and plan", () => h(Generations, { found, path })],
    ["connectors", "Connectors", () => h(Connectors, { path })],
    ["dead-letters", "Dead letters", () => h(DeadLetters, { path, source: found.source })],
    ["reports", "Reports", () => h(Reports, { reports: found.reports })],
  ];
  return h(
    C.Tabs.Root,
    { defaultValue: "generations", lazyMount: true, unmountOnExit: true, size: "sm" },
    h(C.Tabs.List, null, tabs.map(([value, label]) => h(C.Tabs.Trigger, { key: value, value }, label))),
    tabs.map(([value, , content]) => h(C.Tabs.Content, { key: value, value, pt: 3 }, content())),
  );
}

const STATES = { live: "success", kept: "blue", "not live": "stone" };

function Generations({ found, path }) {
  const columns = [
    { title: "Index" },
    { title: "State" },
    { title: "Documents", numeric: true },
    { title: "Fingerprint" },
    { title: "Filled" },
    { title: "Verified" },
    { title: "Kept until" },
  ];
  return h(
    C.Stack,
    { gap: 4 },
    found.generations.length === 0
      ? h(Nothing, { title: "There is no generation yet" }, `Run the DAG backfill_${found.name}.`)
      : h(
          DataTable,
          { columns, "aria-label": "Generations" },
          found.generations.map((generation) =>
            h(
              C.Table.Row,
              { key: generation.index },
              h(Cell, { fontWeight: "semibold" }, generation.index),
              h(Cell, null, h(C.Badge, { colorPalette: STATES[generation.state], variant: "surface" }, generation.state)),
              h(Cell, { numeric: true }, count(generation.documents)),
              h(Cell, null, h(C.Code, { title: generation.fingerprint }, generation.fingerprint.slice(0, 8)), generation.revision > 0 && ` revision ${generation.revision}`),
              h(Cell, null, generation.filled ? "yes" : "no"),
              h(Cell, null, generation.verified ? "yes" : "no"),
              h(Cell, null, generation.keep_until ? new Date(generation.keep_until).toLocaleString() : "–"),
            ),
          ),
        ),
    h(Plan, { path }),
  );
}

const VERDICTS = { "nothing to do": "success", "in place": "warning", "to be tried": "warning", "reindex needed": "warning", broken: "failed" };

function Plan({ path }) {
  // Asked for once: it reads files and tables anew.
  const source = useData(`${path}/plan`, 0);
  const columns = [{ title: "What" }, { title: "Index" }, { title: "Files and database" }, { title: "Verdict" }, { title: "Why" }];
  return h(
    Panel,
    { title: "Plan: files and database against the live generation", aside: h(C.Button, { size: "xs", variant: "ghost", onClick: source.reload }, "Plan again") },
    h(Loaded, { source, rows: 1 }, (plan) => [
      h(
        C.HStack,
        { key: "verdict", gap: 3, mb: plan.differences.length ? 3 : 0 },
        h(C.Badge, { colorPalette: VERDICTS[plan.verdict], variant: "surface" }, plan.verdict),
        h(C.Text, { fontSize: "sm" }, plan.advice),
      ),
      plan.differences.length > 0 &&
        h(
          DataTable,
          { key: "differences", columns, "aria-label": "Differences" },
          plan.differences.map((difference) =>
            h(
              C.Table.Row,
              { key: difference.path },
              h(Cell, { fontWeight: "semibold", whiteSpace: "nowrap" }, difference.path),
              h(Cell, null, difference.before && h(C.Code, null, difference.before)),
              h(Cell, null, difference.after && h(C.Code, null, difference.after)),
              h(Cell, null, h(C.Badge, { colorPalette: VERDICTS[difference.verdict] }, difference.verdict)),
              h(Cell, null, difference.reason),
            ),
          ),
        ),
    ]),
  );
}

const TASKS = { RUNNING: "success", FAILED: "failed" };

function Connectors({ path }) {
  const source = useData(`${path}/connectors`);
  return h(Loaded, { source, rows: 2 }, (connectors) =>
    h(C.Stack, { gap: 3 }, connectors.map((connector) => h(Connector, { key: connector.name, connector }))),
  );
}

const Connector = ({ connector: { name, role, parts } }) =>
  h(
    Panel,
    { title: name, aside: h(C.Text, { fontSize: "sm", color: "fg.muted" }, role) },
    parts.length === 0
      ? h(C.Text, { color: "failed.fg" }, "There is no such connector. Mend connectors creates it.")
      : h(
          C.Stack,
          { gap: 2 },
          parts.map((part) =>
            h(
              C.Box,
              { key: part.task ?? "connector" },
              h(
                C.HStack,
                { gap: 3, fontSize: "sm", flexWrap: "wrap" },
                h(C.Box, { minW: "80px" }, part.task === null ? "connector" : `task ${part.task}`),
                h(C.Badge, { colorPalette: TASKS[part.state] ?? "warning", variant: "surface" }, part.state),
                h(C.Text, { color: "fg.muted" }, `worker ${part.worker}`),
              ),
              part.trace &&
                h(
                  C.Box,
                  { as: "pre", tabIndex: 0, "aria-label": "Trace", mt: 2, p: 3, bg: "bg.muted", borderRadius: "sm", fontSize: "xs", fontFamily: "mono", maxH: "260px", overflow: "auto" },
                  part.trace,
                ),
            ),
          ),
        ),
  );

function DeadLetters({ path, source: name }) {
  // Asked for once: it reads the letters, unless there are too many.
  const source = useData(`${path}/dead-letters`, 0);
  const columns = [{ title: "Group" }, { title: "Pipeline" }, { title: "Letters", numeric: true }, { title: "First" }, { title: "Last" }, { title: "Reason of the first" }];
  return h(Loaded, { source, rows: 2 }, ({ groups, at_most: most }) =>
    groups === null
      ? h(Nothing, { title: `Source ${name} has more than ${count(most)} dead letters` }, `The DAG dead_letters_${name} puts them in groups.`)
      : groups.length === 0
      ? h(Nothing, { title: `Source ${name} has no open dead letter` }, "Elasticsearch has taken every document that was sent.")
      : h(
          DataTable,
          { columns, "aria-label": "Dead letters" },
          groups.map((group) =>
            h(
              C.Table.Row,
              { key: group.name },
              h(Cell, { fontWeight: "semibold" }, group.name, !group.names_root && h(C.Text, { fontSize: "xs", color: "fg.muted" }, "names no root")),
              h(Cell, null, group.pipeline ?? "–"),
              h(Cell, { numeric: true }, count(group.count)),
              h(Cell, { whiteSpace: "nowrap" }, h(Ago, { at: group.first })),
              h(Cell, { whiteSpace: "nowrap" }, h(Ago, { at: group.last })),
              h(Cell, { overflowWrap: "anywhere" }, `${group.subject}: ${group.reason}`),
            ),
          ),
        ),
  );
}

const OUTCOMES = { equal: "success", repaired: "success", "nothing to do": "success", "in place": "warning", "reindex needed": "warning" };

function Reports({ reports }) {
  if (reports.length === 0) return h(Nothing, { title: "No job has reported yet" });
  const columns = [{ title: "When" }, { title: "Job" }, { title: "Outcome" }, { title: "What it says" }];
  return h(
    DataTable,
    { columns, "aria-label": "Reports" },
    reports.map((report) =>
      h(
        C.Table.Row,
        { key: `${report.at} ${report.kind}` },
        h(Cell, { whiteSpace: "nowrap" }, h(Ago, { at: report.at })),
        h(Cell, null, report.kind),
        h(Cell, null, report.outcome && h(C.Badge, { colorPalette: OUTCOMES[report.outcome] ?? "failed" }, report.outcome)),
        h(Cell, { overflowWrap: "anywhere" }, report.text),
      ),
    ),
  );
}
