// Buttons that run DAGs. The browser asks Airflow's own REST API, as the logged-in user: Airflow decides what is allowed.

import { C, count, duration, h, isKnown, plural, repeat, request, RouterLink } from "./lib.js";

const { Fragment, useEffect, useState } = globalThis.React;
const WATCH_MS = 2000;
const ENDED = ["success", "failed"];
const PALETTE = { queued: "queued", running: "running", success: "success", failed: "failed" };

export const actionsOf = ({ name, source }) => [
  {
    label: "Backfill",
    dagId: `backfill_${name}`,
    copies: true,
    says: `Reads every row of ${name} into its index, while the stream goes on.`,
  },
  {
    label: "Reconcile",
    dagId: `reconcile_${name}`,
    says: `Compares every document of ${name} with its row, and repairs those that differ.`,
  },
  {
    label: "Reindex",
    dagId: `reindex_${name}`,
    copies: true,
    says: `Makes a new generation of ${name}, verifies it, and lets the alias point to it. It ends at once when the plan needs none.`,
  },
  {
    label: "Roll back",
    dagId: `rollback_${name}`,
    danger: true,
    says: `Lets the alias of ${name} point to the generation that was live before, once it is verified.`,
  },
  {
    label: "Replay dead letters",
    dagId: `replay_${source}`,
    says: `Reads again what the dead letters of source ${source} are about. It concerns all pipelines of the source.`,
  },
  {
    label: "Mend connectors",
    dagId: "connectors",
    conf: { source, action: "deploy" },
    says: `Creates what is missing among the connectors of source ${source}, changes what differs, and starts what does not run.`,
  },
];

export const LOOK = { label: "Look now", dagId: "monitor", says: "Looks at everything once, as the monitor does each minute." };

const dagPath = (dagId) => `api/v2/dags/${encodeURIComponent(dagId)}`;
const runPath = (dagId, runId) => `${dagPath(dagId)}/dagRuns/${encodeURIComponent(runId)}`;
const isPaused = async (dagId) => (await request(dagPath(dagId))).is_paused;

// The run of a job that copies a table and is not over, whoever has asked for it.
async function findCopying(actions) {
  const asked = actions
    .filter((action) => action.copies)
    .map((action) => request(`${dagPath(action.dagId)}/dagRuns?state=running&limit=1`).catch(() => null));
  return (await Promise.all(asked)).flatMap((found) => found?.dag_runs ?? [])[0] ?? null;
}

// How far the chunks of a run are, and how fast documents are written meanwhile; null before there are chunks.
function useProgress(run, copies, path, rows) {
  const [seen, setSeen] = useState(null);
  useEffect(() => {
    setSeen(null);
    if (!run || !copies) return undefined;
    let first = null;
    const look = async () => {
      const [chunks, written] = await Promise.all([
        request(`${runPath(run.dag_id, run.dag_run_id)}/taskInstances/copy_chunk/listMapped?limit=1000`).catch(() => null),
        request(`${path}/progress`).catch(() => null),
      ]);
      if (!chunks || !written || !chunks.total_entries) return false;
      const now = { at: Date.now(), written: written.written };
      first ??= now;
      const done = chunks.task_instances.filter((task) => task.state === "success").length;
      const perS = now.at > first.at ? (1000 * (now.written - first.written)) / (now.at - first.at) : null;
      const leftS = perS && isKnown(rows) ? (rows * (1 - done / chunks.total_entries)) / perS : null;
      setSeen({ done, total: chunks.total_entries, perS, leftS });
      return done === chunks.total_entries;
    };
    const watching = repeat(look, WATCH_MS);
    return () => watching.stop();
  }, [run?.dag_run_id]);
  return seen;
}

// Follows a run until it is over; returns its state, and whether it waits for somebody who unpauses its DAG.
function useRun(run, onEnd) {
  const [seen, setSeen] = useState({ state: run?.state });
  useEffect(() => {
    if (!run) return undefined;
    setSeen({ state: run.state });
    let gone = false;
    const look = async () => {
      const found = await request(runPath(run.dag_id, run.dag_run_id)).catch(() => null);
      if (!found) return false;
      const waits = found.state === "queued" && (await isPaused(run.dag_id).catch(() => false));
      if (gone) return true;
      setSeen({ state: found.state, waits });
      if (!ENDED.includes(found.state)) return false;
      onEnd();
      return true;
    };
    const watching = repeat(look, WATCH_MS);
    return () => {
      gone = true;
      watching.stop();
    };
  }, [run]);
  return seen;
}

/* The buttons, the question before a run, and what became of the last one. */
export function Actions({ actions, allowed, onEnd, path, rows, size = "sm" }) {
  const [asked, setAsked] = useState(null);
  const [run, setRun] = useState(null);
  useEffect(() => {
    let gone = false;
    findCopying(actions).then((found) => gone || !found || setRun((current) => current ?? found));
    return () => {
      gone = true;
    };
  }, [path]);
  const copies = actions.some((action) => action.copies && action.dagId === run?.dag_id);
  const progress = useProgress(run, copies, path, rows);
  const { state, waits } = useRun(run, onEnd);
  const none = actions.every((action) => !allowed[action.dagId]);
  return h(
    Fragment,
    null,
    h(
      C.Flex,
      { gap: 2, flexWrap: "wrap", alignItems: "center", justifyContent: { base: "flex-start", lg: "flex-end" } },
      none
        ? h(C.Text, { fontSize: "sm", color: "fg.muted" }, "You may look, but not run anything.")
        : actions
            .filter((action) => allowed[action.dagId])
            .map((action) =>
              h(
                C.Button,
                { key: action.dagId, size, variant: "outline", colorPalette: action.danger ? "danger" : "brand", onClick: () => setAsked(action) },
                action.label,
              ),
            ),
      // On a line of its own, so that the buttons stay where they are.
      run && h(C.Flex, { flexBasis: "100%", justifyContent: "inherit" }, h(LastRun, { run, state, waits, progress, onClose: () => setRun(null) })),
    ),
    asked && h(Question, { action: asked, onClose: () => setAsked(null), onRun: setRun }),
  );
}

function Progress({ done, total, perS, leftS }) {
  const parts = [`${count(done)} of ${plural(total, "chunk")}`];
  if (perS !== null) parts.push(`${count(Math.round(perS))} docs/s`);
  if (leftS && done < total) parts.push(`about ${duration(1000 * leftS)} left`);
  return h(
    C.HStack,
    { gap: 2 },
    h(
      C.Progress.Root,
      { value: done, max: total, size: "sm", width: "120px" },
      h(C.Progress.Track, null, h(C.Progress.Range)),
    ),
    h(C.Text, { fontSize: "sm", fontVariantNumeric: "tabular-nums" }, parts.join(" · ")),
  );
}

function LastRun({ run, state, waits, progress, onClose }) {
  const palette = PALETTE[state] ?? "queued";
  return h(
    C.HStack,
    { role: "status", gap: 2, borderWidth: 1, borderRadius: "md", px: 2, py: 1, borderColor: `${palette}.muted` },
    !ENDED.includes(state) && h(C.Spinner, { size: "xs" }),
    h(C.Badge, { colorPalette: palette, variant: "surface" }, state),
    h(
      C.Link,
      { asChild: true, fontSize: "sm" },
      h(RouterLink, { to: `/dags/${run.dag_id}/runs/${run.dag_run_id}` }, `${run.dag_id} in Airflow`),
    ),
    progress && !ENDED.includes(state) && h(Progress, progress),
    waits && h(C.Text, { fontSize: "sm" }, "The DAG is paused: the run waits until somebody unpauses it."),
    h(C.CloseButton, { size: "2xs", "aria-label": "Dismiss", onClick: onClose }),
  );
}

function Question({ action, onClose, onRun }) {
  const [paused, setPaused] = useState(false);
  const [error, setError] = useState(null);
  const [sent, setSent] = useState(false);
  useEffect(() => {
    isPaused(action.dagId).then(setPaused, setError);
  }, [action]);
  const trigger = async () => {
    setSent(true);
    setError(null);
    try {
      if (await isPaused(action.dagId)) {
        setPaused(true);
        setSent(false);
        return;
      }
      onRun(
        await request(`${dagPath(action.dagId)}/dagRuns`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ logical_date: null, conf: action.conf ?? {} }),
        }),
      );
      onClose();
    } catch (found) {
      setError(found);
      setSent(false);
    }
  };
  const note = (status, text) => h(C.Alert.Root, { status, mt: 3, size: "sm" }, h(C.Alert.Indicator), h(C.Alert.Title, null, text));
  return h(
    C.Dialog.Root,
    { open: true, size: "md", role: "alertdialog", placement: "center", onOpenChange: ({ open }) => open || onClose() },
    h(
      C.Portal,
      null,
      h(C.Dialog.Backdrop),
      h(
        C.Dialog.Positioner,
        null,
        h(
          C.Dialog.Content,
          null,
          h(C.Dialog.Header, null, h(C.Dialog.Title, null, `${action.label}?`)),
          h(
            C.Dialog.Body,
            null,
            h(C.Text, null, action.says),
            h(
              C.Text,
              { mt: 3, fontSize: "sm", color: "fg.muted" },
              "Runs the DAG ",
              h(C.Code, null, action.dagId),
              action.conf
                ? [" with ", h(C.Code, { key: "conf" }, JSON.stringify(action.conf)), "."]
                : " with its default Params. For others, trigger it on its own page.",
            ),
            paused && note("warning", [
              `The DAG ${action.dagId} is paused, so a run would wait for ever. `,
              h(C.Link, { asChild: true, key: "dag" }, h(RouterLink, { to: `/dags/${action.dagId}` }, "Unpause it")),
              " first.",
            ]),
            error && note("error", error.message),
          ),
          h(
            C.Dialog.Footer,
            null,
            h(C.Button, { variant: "ghost", onClick: onClose }, "Cancel"),
            h(C.Button, { colorPalette: action.danger ? "danger" : "brand", loading: sent, disabled: paused, onClick: trigger }, action.label),
          ),
        ),
      ),
    ),
  );
}
