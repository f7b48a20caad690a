// What every part of the page uses: elements, texts, and data that is asked for again and again.

const { React } = globalThis;
const { useCallback, useEffect, useState } = React;

export const C = globalThis.ChakraUI;
export const { Link: RouterLink } = globalThis.ReactRouterDOM;
export const h = React.createElement;
export const HOME = "/plugin/pg2es";
export const REFRESH_MS = 15_000;

// Airflow may live below a path, which its <base> names.
export const url = (path) => new URL(path, document.baseURI).href;

/* Texts. A dash stands for what was not seen. */

const NONE = "–";
const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const decimals = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
export const isKnown = (value) => value !== null && value !== undefined;

export const count = (value) => (isKnown(value) ? numbers.format(value) : NONE);
// On an axis, where there is little room.
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
export const short = (value) => compact.format(value);
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;
export const rate = (value) => (isKnown(value) ? `${decimals.format(value)}/s` : NONE);

export function duration(ms) {
  if (!isKnown(ms)) return NONE;
  if (ms < 1000) return `${numbers.format(ms)} ms`;
  if (ms < 120_000) return `${decimals.format(ms / 1000)} s`;
  return ms < 7_200_000 ? `${numbers.format(ms / 60_000)} min` : `${decimals.format(ms / 3_600_000)} h`;
}

export function bytes(size) {
  if (!isKnown(size)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = size > 0 ? Math.min(units.length - 1, Math.floor(Math.log2(size) / 10)) : 0;
  return `${decimals.format(size / 2 ** (10 * power))} ${units[power]}`;
}

export const delay = (found) => (found ? `${found.reached ? "" : "over "}${duration(found.ms)}` : NONE);
export const sum = (values) => values.reduce((total, value) => total + value, 0);

export function ago(at) {
  const s = Math.max(0, (Date.now() - new Date(at).getTime()) / 1000);
  if (s < 10) return "just now";
  if (s < 90) return `${numbers.format(s)} s ago`;
  if (s < 5400) return `${numbers.format(s / 60)} min ago`;
  return s < 129_600 ? `${numbers.format(s / 3600)} h ago` : `${numbers.format(s / 86_400)} days ago`;
}

const absolute = (at) => new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const Ago = ({ at }) => (at ? h("time", { dateTime: at, title: absolute(at) }, ago(at)) : NONE);

/* Data. */

export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// The session is Airflow's cookie, as for its own pages.
export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(url(path), { credentials: "same-origin", ...options });
  } catch {
    throw new RequestError(0, "Airflow's API server cannot be reached; is it up?");
  }
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  const detail = typeof body?.detail === "string" ? body.detail : `Airflow answers ${response.status}.`;
  throw new RequestError(response.status, detail);
}

// Calls `ask` now, and again `everyMs` after it has answered: never while an answer is on its way. Ends when it says so.
export function repeat(ask, everyMs) {
  let timer;
  let asking = false;
  let over = false;
  const turn = async () => {
    if (asking || over) return;
    clearTimeout(timer);
    asking = true;
    const ended = await ask().finally(() => (asking = false));
    if (!over && !ended && everyMs) timer = setTimeout(turn, everyMs);
  };
  const stop = () => {
    over = true;
    clearTimeout(timer);
  };
  turn();
  return { now: turn, stop };
}

const cache = new Map();

// Returns {data, error, loading, reload}. What was seen last stays on the screen while it is asked for again.
export function useData(path, everyMs = REFRESH_MS) {
  const [state, setState] = useState({ path, ...cache.get(path) });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const gone = new AbortController();
    const load = async () => {
      if (document.hidden) return;
      let found;
      try {
        found = { data: await request(path, { signal: gone.signal }) };
      } catch (error) {
        found = { data: cache.get(path)?.data, error };
      }
      if (gone.signal.aborted) return;
      cache.set(path, { data: found.data });
      setState({ path, ...found });
    };
    const loading = repeat(load, everyMs);
    document.addEventListener("visibilitychange", loading.now);
    return () => {
      gone.abort();
      loading.stop();
      document.removeEventListener("visibilitychange", loading.now);
    };
  }, [path, everyMs, turn]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const current = state.path === path ? state : { path, ...cache.get(path) };
  return { ...current, loading: !current.data && !current.error, reload };
}

/* Elements that several parts have. */

export function Problem({ error, reload, title = "This cannot be shown" }) {
  const loggedOut = error.status === 401;
  const login = url(`api/v2/auth/login?next=${encodeURIComponent(globalThis.location.href)}`);
  return h(
    C.Alert.Root,
    { status: "error", role: "alert", mb: 4 },
    h(C.Alert.Indicator),
    h(
      C.Alert.Content,
      null,
      h(C.Alert.Title, null, loggedOut ? "You are logged out" : title),
      h(C.Alert.Description, null, loggedOut ? "Airflow's session is over." : error.message),
    ),
    loggedOut
      ? h(C.Button, { asChild: true, variant: "outline" }, h("a", { href: login }, "Log in"))
      : reload && h(C.Button, { onClick: reload, variant: "outline" }, "Try again"),
  );
}

export const Loading = ({ rows = 3, height = "60px" }) =>
  h(
    C.Stack,
    { "aria-busy": true, "aria-label": "Loading", role: "status" },
    Array.from({ length: rows }, (_, row) => h(C.Skeleton, { key: row, height })),
  );

export const Nothing = ({ title, children }) =>
  h(
    C.Box,
    { borderWidth: 1, borderStyle: "dashed", borderRadius: "md", color: "fg.muted", p: 6, textAlign: "center" },
    h(C.Text, { fontWeight: "semibold", color: "fg" }, title),
    children && h(C.Text, { mt: 1 }, children),
  );

// The part of the page that one request fills: its three states, and a word when only the newest answer is missing.
export function Loaded({ source, rows, height, children }) {
  if (source.loading) return h(Loading, { rows, height });
  if (!source.data) return h(Problem, source);
  const late = source.error && h(Problem, { ...source, title: "This is not up to date" });
  return h(React.Fragment, null, late, children(source.data));
}

const HEALTH = {
  healthy: ["success", "Healthy"],
  broken: ["failed", "Broken"],
  unknown: ["stone", "Not known"],
  new: ["blue", "No index yet"],
};

export function Health({ health, ...props }) {
  const [colorPalette, label] = HEALTH[health];
  return h(
    C.Badge,
    { colorPalette, variant: "surface", size: "md", whiteSpace: "nowrap", ...props },
    h(C.Box, { as: "span", boxSize: 2, borderRadius: "full", bg: "currentColor" }),
    label,
  );
}

export const Breaches = ({ breaches, ...props }) =>
  breaches.length > 0 &&
  h(
    C.Stack,
    { as: "ul", listStyleType: "none", "aria-label": "What is wrong", gap: 2, mb: 4, ...props },
    breaches.map((breach) =>
      h(
        C.Flex,
        {
          as: "li",
          key: `${breach.kind} ${breach.about}`,
          gap: 3,
          alignItems: "baseline",
          bg: "red.500/10",
          borderStartWidth: 4,
          borderColor: "red.500",
          borderRadius: "sm",
          px: 3,
          py: 2,
        },
        h(C.Text, { fontWeight: "semibold", color: "failed.fg", whiteSpace: "nowrap" }, breach.kind.replaceAll("_", " ")),
        h(C.Text, { fontSize: "sm", overflowWrap: "anywhere" }, breach.sentence),
      ),
    ),
  );

export const Panel = ({ title, aside, children, ...props }) =>
  h(
    C.Box,
    { as: "section", "aria-label": title, borderWidth: 1, borderRadius: "md", p: 4, minW: 0, ...props },
    (title || aside) &&
      h(
        C.Flex,
        { justifyContent: "space-between", alignItems: "baseline", mb: 3, gap: 3, flexWrap: "wrap" },
        h(C.Heading, { as: "h2", size: "sm" }, title),
        aside,
      ),
    children,
  );

export const DataTable = ({ columns, children, ...props }) =>
  h(
    C.Table.ScrollArea,
    { borderWidth: 1, borderRadius: "md" },
    h(
      C.Table.Root,
      { size: "sm", interactive: true, ...props },
      h(
        C.Table.Header,
        null,
        h(
          C.Table.Row,
          null,
          columns.map(({ title, numeric, display }, place) =>
            h(
              C.Table.ColumnHeader,
              { key: place, scope: "col", textAlign: numeric ? "end" : "start", whiteSpace: "nowrap", display },
              title,
            ),
          ),
        ),
      ),
      h(C.Table.Body, null, children),
    ),
  );

export const Cell = ({ numeric, children, ...props }) =>
  h(
    C.Table.Cell,
    { textAlign: numeric ? "end" : "start", fontVariantNumeric: "tabular-nums", verticalAlign: "middle", ...props },
    children,
  );
