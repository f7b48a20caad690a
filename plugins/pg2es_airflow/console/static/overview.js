// All pipelines at a glance.

import { Actions, LOOK } from "./actions.js";
import { Strip } from "./charts.js";
import {
  Ago, Breaches, bytes, C, Cell, count, DataTable, delay, h, Health, HOME, Loaded, Nothing, plural, rate, RouterLink, sum,
  useData,
} from "./lib.js";

// Shown where there is room.
const WIDE = { base: "none", xl: "table-cell" };

const COLUMNS = [
  { title: "Pipeline" },
  { title: "Health" },
  { title: "Last 24 hours", display: WIDE },
  { title: "Freshness", numeric: true },
  { title: "Behind", numeric: true },
  { title: "Documents / rows", numeric: true },
  { title: "Writes", numeric: true, display: WIDE },
  { title: "Dead letters", numeric: true },
  { title: "Live generation", display: WIDE },
  { title: "Last reconcile" },
];

export function Overview() {
  const source = useData("pg2es/api/overview");
  return h(Loaded, { source, rows: 6, height: "48px" }, (seen) => h(Seen, { seen, reload: source.reload }));
}

function Seen({ seen, reload }) {
  return h(
    C.Box,
    null,
    h(
      C.Flex,
      { justifyContent: "space-between", alignItems: "center", gap: 3, flexWrap: "wrap", mb: 4 },
      h(
        C.Box,
        null,
        h(C.Heading, { as: "h1", size: "xl" }, "pg2es"),
        h(C.Text, { color: "fg.muted", fontSize: "sm" }, summary(seen)),
      ),
      h(
        C.HStack,
        { gap: 3 },
        seen.at && h(C.Text, { fontSize: "sm", color: "fg.muted" }, "Seen ", h(Ago, { at: seen.at })),
        seen.actions.monitor && h(Actions, { actions: [LOOK], allowed: seen.actions, onEnd: reload }),
      ),
    ),
    seen.stale && h(Stale, { at: seen.at }),
    h(Breaches, { breaches: seen.breaches }),
    seen.servers && h(Servers, seen),
    seen.pipelines.length === 0
      ? h(Nothing, { title: "There is no pipeline yet" }, "Write a file in pipelines/, or let `pg2es suggest` do it.")
      : h(
          DataTable,
          { columns: COLUMNS, "aria-label": "Pipelines" },
          seen.pipelines.map((pipeline) => h(PipelineRow, { key: pipeline.name, pipeline })),
        ),
  );
}

function summary({ pipelines }) {
  const words = { healthy: "healthy", broken: "broken", unknown: "not known", new: "without an index" };
  const parts = Object.entries(words)
    .map(([health, word]) => [pipelines.filter((pipeline) => pipeline.health === health).length, word])
    .filter(([number]) => number > 0)
    .map(([number, word]) => `${count(number)} ${word}`);
  return `${plural(pipelines.length, "pipeline")}${parts.length ? `: ${parts.join(", ")}` : ""}`;
}

export const Stale = ({ at }) =>
  h(
    C.Alert.Root,
    { status: "warning", mb: 4 },
    h(C.Alert.Indicator),
    h(
      C.Alert.Content,
      null,
      h(C.Alert.Title, null, "The monitor does not run"),
      h(
        C.Alert.Description,
        null,
        at ? "What you see here is old: the last look was " : "It has never looked, so nothing is known here",
        at && h(Ago, { at }),
        ". ",
        h(C.Link, { asChild: true }, h(RouterLink, { to: "/dags/monitor" }, "Unpause the DAG monitor")),
        ", or see why its runs fail.",
      ),
    ),
  );

function Servers({ servers, sources }) {
  const { elasticsearch, workers, brokers } = servers;
  const up = workers ? Object.values(workers).filter((problem) => problem === null).length : 0;
  const all = workers ? Object.keys(workers).length : 0;
  const heap = elasticsearch && Math.max(...elasticsearch.nodes.map((node) => node.heap_percent));
  const ELASTICSEARCH = { green: "green", yellow: "amber", red: "red" };
  return h(
    C.SimpleGrid,
    { as: "section", "aria-label": "Servers", minChildWidth: "210px", gap: 3, mb: 4 },
    h(Tile, {
      title: "Elasticsearch",
      palette: elasticsearch ? ELASTICSEARCH[elasticsearch.health] : "red",
      value: elasticsearch ? elasticsearch.health : "not seen",
      more: elasticsearch && `${plural(elasticsearch.nodes.length, "node")}, heap ${heap}%, ${count(sum(Object.values(servers.rejections)))} rejections`,
    }),
    h(Tile, {
      title: "Kafka",
      palette: brokers ? "green" : "red",
      value: brokers ? plural(brokers, "broker") : "not seen",
    }),
    h(Tile, {
      title: "Kafka Connect",
      palette: all > 0 && up === all ? "green" : "red",
      value: workers ? `${up} of ${plural(all, "worker")}` : "not seen",
    }),
    sources.map((source) => h(SourceTile, { key: source.name, source })),
  );
}

function SourceTile({ source }) {
  const { connector, slot } = source;
  const states = connector ? [connector.state, ...connector.tasks] : [];
  const running = states.length > 1 && states.every((state) => state === "RUNNING");
  const palette = running && slot?.active ? "green" : source.deployed ? "red" : "stone";
  return h(Tile, {
    title: `Source ${source.name}`,
    palette,
    value: running ? `lag ${delay(source.lag)}` : connector ? connector.state.toLowerCase() : "not deployed",
    more: slot ? `slot ${slot.lost ? "lost" : slot.active ? "active" : "inactive"}, keeps ${bytes(slot.retained_bytes)} of WAL` : "no slot",
  });
}

const Tile = ({ title, palette, value, more }) =>
  h(
    C.Box,
    { borderWidth: 1, borderRadius: "md", px: 3, py: 2 },
    h(C.Text, { fontSize: "xs", color: "fg.muted" }, title),
    h(
      C.HStack,
      { gap: 2 },
      h(C.Box, { boxSize: 2.5, borderRadius: "full", bg: `${palette}.500`, flexShrink: 0 }),
      h(C.Text, { fontWeight: "semibold" }, value),
    ),
    more && h(C.Text, { fontSize: "xs", color: "fg.muted" }, more),
  );

function PipelineRow({ pipeline }) {
  const navigate = globalThis.ReactRouterDOM.useNavigate();
  const to = `${HOME}/${encodeURIComponent(pipeline.name)}`;
  const late = pipeline.freshness && !pipeline.freshness.reached;
  return h(
    C.Table.Row,
    { onClick: (event) => event.target.closest("a") || navigate(to), cursor: "pointer" },
    h(
      Cell,
      null,
      h(C.Link, { asChild: true, fontWeight: "semibold" }, h(RouterLink, { to }, pipeline.name)),
      h(C.Text, { fontSize: "xs", color: "fg.muted", whiteSpace: "nowrap" }, `${pipeline.source}: ${pipeline.table}`),
    ),
    h(Cell, null, h(Health, { health: pipeline.health })),
    h(Cell, { display: WIDE }, h(Strip, { points: pipeline.strip, label: pipeline.name })),
    h(Cell, { numeric: true, whiteSpace: "nowrap", color: late ? "failed.fg" : undefined }, delay(pipeline.freshness)),
    h(Cell, { numeric: true }, count(pipeline.behind)),
    h(Cell, { numeric: true, whiteSpace: "nowrap" }, h(Sizes, { pipeline })),
    h(Cell, { numeric: true, display: WIDE }, rate(pipeline.indexing?.per_s)),
    h(Cell, { numeric: true, color: pipeline.dead_letters > 0 ? "failed.fg" : undefined }, count(pipeline.dead_letters)),
    h(Cell, { whiteSpace: "nowrap", display: WIDE }, pipeline.index ?? "–"),
    h(Cell, { whiteSpace: "nowrap" }, h(LastRun, { run: pipeline.reconcile })),
  );
}

const Sizes = ({ pipeline }) =>
  h(
    C.Box,
    { title: "Documents are counted. Rows are PostgreSQL's estimate, as of the last ANALYZE." },
    count(pipeline.documents),
    h(C.Text, { fontSize: "xs", color: "fg.muted" }, pipeline.rows === null ? "rows not known" : `about ${count(pipeline.rows)}`),
  );

const GOOD = ["equal", "repaired"];

export const LastRun = ({ run }) =>
  run
    ? h(
        C.Box,
        { title: run.text },
        h(C.Badge, { colorPalette: GOOD.includes(run.outcome) ? "success" : "failed", variant: "subtle" }, run.outcome),
        h(C.Text, { fontSize: "xs", color: "fg.muted" }, h(Ago, { at: run.at })),
      )
    : "–";
