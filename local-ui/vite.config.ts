import { defineConfig } from "vite";

// In development the page is served by Vite and everything else by an agent on its usual port.
const agent = "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    // Data addresses are not allowed by the page's content security policy for fonts and scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // hls.js is one chunk of its own and only loaded where WebRTC does not work.
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/hls", "/whep"].map((path) => [path, { target: agent, headers: { origin: agent } }]),
    ),
  },
});
