globalThis.AirflowPlugin = () => globalThis.React.createElement(globalThis.ChakraUI.Heading, null, "pg2es");
