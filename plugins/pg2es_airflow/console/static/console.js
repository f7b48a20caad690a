// The console's page. Airflow imports this module, takes the component from AirflowPlugin, and gives React, Chakra and
// the router as globals; so nothing has to be built.

import { C, h } from "./lib.js";
import { Overview } from "./overview.js";
import { Pipeline } from "./pipeline.js";

function Console() {
  const { "*": name } = globalThis.ReactRouterDOM.useParams();
  return h(
    C.Box,
    { height: "100%", overflowY: "auto", p: { base: 3, md: 5 }, "data-pg2es": true },
    h(C.Box, { maxW: "1500px", mx: "auto" }, name ? h(Pipeline, { key: name, name: decodeURIComponent(name) }) : h(Overview)),
  );
}

globalThis.AirflowPlugin = Console;
